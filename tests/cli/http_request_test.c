/* SPDX-License-Identifier: MIT */
/* Requests as the server sees them, good and hostile (cli/http_request.h, cli/http_text.h). */
#include "cli/http_request.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

/* The sources are of the command, not of a library. */
#include "cli/http_text.h"
#include "cli/numbers.h"

/* The text is copied to memory of exactly its size, so that a sanitizer sees one octet too many. */
static unsigned
parse_octets(struct http_request *request, const char *text, size_t len)
{
    char *exact = malloc(len > 0 ? len : 1);
    unsigned status;

    assert_non_null(exact);
    memcpy(exact, text, len);
    status = estab_http_request_parse(request, exact, len);
    free(exact);
    return status;
}

static unsigned
parse(struct http_request *request, const char *text)
{
    return parse_octets(request, text, strlen(text));
}

static unsigned
status_of(const char *text)
{
    struct http_request request;

    return parse(&request, text);
}

static const char *
path_of(const char *target)
{
    static struct http_request request;
    unsigned status = estab_http_decode_target(&request, (struct text){ target, strlen(target) });

    switch (status) {
    case 0:
        return request.path;
    case 400:
        return "(400)";
    case 403:
        return "(403)";
    default:
        return "(414)";
    }
}

TEST(a_simple_get_is_understood)
{
    struct http_request r;

    assert_int_equal(parse(&r, "GET /a/b.txt?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_string_equal(r.path, "a/b.txt");
    assert_false(r.wants_directory);
    assert_false(r.head_only);
    assert_true(r.keep_alive);
    assert_int_equal(r.body_length, 0);
    assert_int_equal(r.range.kind, HTTP_RANGE_NONE);
}

TEST(head_is_known_and_post_and_others_are_refused)
{
    struct http_request r;

    assert_int_equal(parse(&r, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_true(r.head_only);
    assert_int_equal(status_of("POST / HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
    assert_int_equal(status_of("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
    assert_int_equal(status_of("DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
    assert_int_equal(status_of("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
    assert_int_equal(status_of("BREW / HTTP/1.1\r\nHost: h\r\n\r\n"), 501);
    assert_int_equal(status_of("get / HTTP/1.1\r\nHost: h\r\n\r\n"), 501);
    assert_int_equal(status_of("GE(T / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
}

/* RFC 9112 §9.3 */
TEST(keep_alive_follows_version_and_connection)
{
    struct http_request r;

    assert_int_equal(parse(&r, "GET / HTTP/1.0\r\n\r\n"), 0);
    assert_false(r.keep_alive);
    assert_int_equal(parse(&r, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 0);
    assert_true(r.keep_alive);
    assert_int_equal(parse(&r, "GET / HTTP/1.1\r\nHost: h\r\nConnection: x , CLOSE\r\n\r\n"), 0);
    assert_false(r.keep_alive);
    assert_int_equal(parse(&r, "GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n"), 0);
    assert_true(r.keep_alive);
    assert_int_equal(parse(&r, "GET / HTTP/1.7\r\nHost: h\r\n\r\n"), 0);
    assert_true(r.keep_alive);
}

TEST(lines_may_end_in_a_lone_lf)
{
    assert_int_equal(status_of("GET / HTTP/1.1\nHost: h\n\n"), 0);
}

/* RFC 9112 §3.2 */
TEST(http_1_1_needs_exactly_one_host)
{
    assert_int_equal(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0);
    assert_int_equal(status_of("GET / HTTP/1.0\r\n\r\n"), 0);
}

TEST(malformed_request_lines_are_400)
{
    const char *const bad[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / \r\nHost: h\r\n\r\n",
        "GET / HTTP/1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1x\r\nHost: h\r\n\r\n",
        "GET / http/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/a.b\r\nHost: h\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET https://h/x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /#x HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\t HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\r HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (status_of(bad[i]) != 400)
            fail_msg("%zu: '%s' is %u", i, bad[i], status_of(bad[i]));
}

TEST(other_major_versions_are_505)
{
    assert_int_equal(status_of("PRI * HTTP/2.0\r\n\r\n"), 505);
    assert_int_equal(status_of("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
    assert_int_equal(status_of("GET / HTTP/0.9\r\n\r\n"), 505);
}

/* RFC 9112 §5.1, §5.2: white space before the colon and folded lines are how proxies are fooled. */
TEST(malformed_fields_are_400)
{
    const char *const bad[] = {
        "Host : h", "Host",   ":",       " Host: h", "Host: h\r\n folded", "X\x01: y", "X: a\x01z",
        "X: a\x7f", "X Y: z", "X: a\rb", "X(: y",
    };
    char text[200];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "GET / HTTP/1.0\r\n%s\r\n\r\n", bad[i]);
        if (status_of(text) != 400)
            fail_msg("'%s' is %u", bad[i], status_of(text));
    }
    assert_int_equal(
        parse_octets(&(struct http_request){ 0 }, "GET / HTTP/1.0\r\nA: \0b\r\n\r\n", 25), 400);
}

/* RFC 9112 §6.3 */
TEST(lengths_that_could_smuggle_a_request_are_400)
{
    struct http_request r;

    assert_int_equal(parse(&r, "GET / HTTP/1.0\r\nContent-Length: 12\r\n\r\n"), 0);
    assert_int_equal(r.body_length, 12);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"),
                     0);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
                     400);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length: 1, 1\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length: -1\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length: +1\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length:\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length: 0x1\r\n\r\n"), 400);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n"),
                     400);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nContent-Length: 1\r\nTransfer-Encoding: "
                               "chunked\r\n\r\n"),
                     400);
    assert_int_equal(status_of("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 413);
}

TEST(the_absolute_form_is_taken_apart)
{
    struct http_request r;

    assert_int_equal(parse(&r, "GET HTTP://h:80/x HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_string_equal(r.path, "x");
    assert_int_equal(parse(&r, "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_string_equal(r.path, "");
    assert_int_equal(parse(&r, "GET http://h?q HTTP/1.1\r\nHost: h\r\n\r\n"), 0);
    assert_string_equal(r.path, "");
}

TEST(a_path_is_decoded_and_made_relative)
{
    assert_string_equal(path_of("/"), "");
    assert_string_equal(path_of("/a"), "a");
    assert_string_equal(path_of("//a//b"), "a/b");
    assert_string_equal(path_of("/a%20b"), "a b");
    assert_string_equal(path_of("/%C3%a4"), "\xc3\xa4");
    assert_string_equal(path_of("/a/./b/../c"), "a/c");
    assert_string_equal(path_of("/a/.."), "");
    assert_string_equal(path_of("/a/b/../.."), "");
    assert_string_equal(path_of("/...a"), "...a");
    assert_string_equal(path_of("/a?b/../../.."), "a");
    assert_string_equal(path_of("/%3f"), "?");
    assert_string_equal(path_of("/a%2Fb"), "a/b");
}

TEST(a_trailing_slash_asks_for_a_directory)
{
    const struct {
        const char *target;
        bool directory;
    } cases[] = {
        { "/", true },     { "/a/", true },  { "/a", false },    { "/a/.", true },
        { "/a/..", true }, { "/a//", true }, { "/a?x/", false }, { "/a%2f", true },
    };
    struct http_request r;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            estab_http_decode_target(&r, (struct text){ cases[i].target, strlen(cases[i].target) }),
            0);
        if (r.wants_directory != cases[i].directory)
            fail_msg("%s", cases[i].target);
    }
}

TEST(a_path_that_leaves_the_root_is_403)
{
    assert_string_equal(path_of("/.."), "(403)");
    assert_string_equal(path_of("/../x"), "(403)");
    assert_string_equal(path_of("/a/../../x"), "(403)");
    assert_string_equal(path_of("/%2e%2e/x"), "(403)");
    assert_string_equal(path_of("/%2E./x"), "(403)");
    assert_string_equal(path_of("/..%2f..%2fetc/passwd"), "(403)");
    assert_string_equal(path_of("/.//../x"), "(403)");
}

TEST(wrong_percent_encodings_are_400)
{
    assert_string_equal(path_of("/%"), "(400)");
    assert_string_equal(path_of("/%4"), "(400)");
    assert_string_equal(path_of("/%g0"), "(400)");
    assert_string_equal(path_of("/%0g"), "(400)");
    assert_string_equal(path_of("/%00"), "(400)");
    assert_string_equal(path_of("/a%00.html"), "(400)");
    assert_string_equal(path_of(""), "(400)");
}

TEST(a_target_that_is_too_long_is_414)
{
    char target[HTTP_TARGET_MAX + 3];
    struct http_request r;

    memset(target, 'a', sizeof target);
    target[0] = '/';
    assert_int_equal(estab_http_decode_target(&r, (struct text){ target, HTTP_TARGET_MAX }), 0);
    assert_int_equal(estab_http_decode_target(&r, (struct text){ target, HTTP_TARGET_MAX + 1 }),
                     414);
}

static struct http_range
range_of(const char *value)
{
    struct http_request r;
    char text[300];

    snprintf(text, sizeof text, "GET / HTTP/1.0\r\nRange: %s\r\n\r\n", value);
    assert_int_equal(parse(&r, text), 0);
    return r.range;
}

/* RFC 9110 §14.2: what is not one good range is ignored, not refused. */
TEST(ranges_are_parsed_or_ignored)
{
    const char *const ignored[] = {
        "bytes=5-3",  "bytes=-",       "bytes=",      "bytes=a-b",
        "items=0-1",  "bytes=0-1,3-4", "bytes = 0-1", "bytes=99999999999999999999-",
        "bytes=0--1", "bytes",         "5-6",         "bytes=0x1-2",
    };
    struct http_range r = range_of("bytes=3-5");

    assert_int_equal(r.kind, HTTP_RANGE_BETWEEN);
    assert_int_equal(r.first, 3);
    assert_int_equal(r.last, 5);
    assert_int_equal(range_of("BYTES=7-").kind, HTTP_RANGE_FROM);
    assert_int_equal(range_of("bytes=-7").kind, HTTP_RANGE_LAST);
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        if (range_of(ignored[i]).kind != HTTP_RANGE_NONE)
            fail_msg("%s", ignored[i]);
}

static void
expect_range(const char *value, uint64_t size, unsigned status, uint64_t first, uint64_t length)
{
    struct http_range r = range_of(value);
    uint64_t f, l;

    if (estab_http_range_of(&r, size, &f, &l) != status)
        fail_msg("%s of %llu is not %u", value, (unsigned long long)size, status);
    if (status != 416 && (f != first || l != length))
        fail_msg("%s of %llu is %llu+%llu", value, (unsigned long long)size, (unsigned long long)f,
                 (unsigned long long)l);
}

TEST(ranges_are_cut_to_the_file)
{
    expect_range("bytes=0-0", 10, 206, 0, 1);
    expect_range("bytes=3-5", 10, 206, 3, 3);
    expect_range("bytes=3-500", 10, 206, 3, 7);
    expect_range("bytes=9-9", 10, 206, 9, 1);
    expect_range("bytes=10-", 10, 416, 0, 0);
    expect_range("bytes=10-20", 10, 416, 0, 0);
    expect_range("bytes=4-", 10, 206, 4, 6);
    expect_range("bytes=-3", 10, 206, 7, 3);
    expect_range("bytes=-30", 10, 206, 0, 10);
    expect_range("bytes=-0", 10, 416, 0, 0);
    expect_range("bytes=-1", 0, 416, 0, 0);
    expect_range("bytes=0-", 0, 416, 0, 0);
    expect_range("bytes=0-9223372036854775807", 10, 206, 0, 10);
    expect_range("lines=1-2", 10, 200, 0, 10);
}

TEST(the_end_of_a_head_is_found_wherever_the_pieces_end)
{
    const char *const heads[] = { "GET / HTTP/1.1\r\nA: b\r\n\r\n", "GET / HTTP/1.1\nA: b\n\n",
                                  "GET / HTTP/1.1\r\nA: b\n\r\n", "GET / HTTP/1.1\nA: b\r\n\n" };

    for (size_t h = 0; h < sizeof heads / sizeof heads[0]; h++) {
        size_t len = strlen(heads[h]);
        char text[100];

        snprintf(text, sizeof text, "%sGET /next\r\n\r\n", heads[h]);
        assert_int_equal(estab_http_head_length(text, strlen(text), 0), len);
        for (size_t seen = 0; seen < len; seen++) {
            assert_int_equal(estab_http_head_length(text, seen, 0), 0);
            assert_int_equal(estab_http_head_length(text, strlen(text), seen), len);
        }
    }
}

/* Whatever arrives, the parser stays within it. Run under a sanitizer this is the point. */
TEST(noise_never_leads_outside)
{
    static const char words[][12] = { "GET ",  " ",     "/",     "HTTP/1.1", "\r\n",    "\n",
                                      "%2e",   "..",    "Host:", "Range:",   "bytes=",  "-",
                                      "99999", "\x00x", "?",     ",",        "http://", "\xff" };
    uint32_t random = 1;

    for (unsigned round = 0; round < 20000; round++) {
        struct http_request r;
        char text[400];
        size_t len = 0;

        while (len < 380 && random % 61 != 0) {
            const char *word;

            random = random * 1664525 + 1013904223;
            word = words[(random >> 16) % (sizeof words / sizeof words[0])];
            memcpy(text + len, word, strlen(word) + (word[0] == '\0'));
            len += strlen(word) + (word[0] == '\0');
        }
        random = random * 1664525 + 1013904223;
        parse_octets(&r, text, len);
        assert_true(strlen(r.path) <= HTTP_TARGET_MAX);
        assert_null(strstr(r.path, "../"));
    }
}
