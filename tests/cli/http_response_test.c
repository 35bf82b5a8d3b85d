/* SPDX-License-Identifier: MIT */
/* Responses as the client sees them, and their bodies (cli/http_response.h). */
#include "cli/http_response.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

/* The sources are of the command, not of a library. */
#include "cli/http_text.h"
#include "cli/numbers.h"

static struct http_response
parsed(const char *head)
{
    struct failure why = { "" };
    struct http_response r;

    if (estab_http_response_parse(&r, head, strlen(head), &why) < 0)
        fail_msg("%s: %s", head, why.text);
    return r;
}

static void
refused(const char *head)
{
    struct failure why = { "" };
    struct http_response r;

    if (estab_http_response_parse(&r, head, strlen(head), &why) == 0)
        fail_msg("'%s' was taken", head);
    assert_true(strlen(why.text) > 0);
}

TEST(a_status_line_is_taken_apart)
{
    struct http_response r = parsed("HTTP/1.1 404 Not Found\r\n\r\n");

    assert_int_equal(r.status, 404);
    assert_int_equal(r.reason.len, 9);
    assert_memory_equal(r.reason.at, "Not Found", 9);
    assert_int_equal(parsed("HTTP/1.0 200\r\n\r\n").status, 200);
    assert_int_equal(parsed("HTTP/1.1 200 \r\n\r\n").reason.len, 0);
}

TEST(a_reason_that_a_terminal_would_obey_is_not_shown)
{
    assert_int_equal(parsed("HTTP/1.1 404 \x1b[2J\r\n\r\n").reason.len, 0);
}

TEST(what_is_not_http_1_is_refused)
{
    refused("");
    refused("\r\n\r\n");
    refused("HTTP/2 200 OK\r\n\r\n");
    refused("HTTP/1.1 20 OK\r\n\r\n");
    refused("HTTP/1.1 2000 OK\r\n\r\n");
    refused("HTTP/1.1 099 OK\r\n\r\n");
    refused("HTTP/1.1 600 OK\r\n\r\n");
    refused("HTTP/1.1  200 OK\r\n\r\n");
    refused("HTTP/1.1 200OK\r\n\r\n");
    refused("SSH-2.0-OpenSSH\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nbad header\r\n\r\n");
}

/* RFC 9112 §6.3 */
TEST(the_framing_follows_the_rfcs_order)
{
    struct http_response r = parsed("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");

    assert_int_equal(r.framing, HTTP_LENGTH);
    assert_int_equal(r.length, 5);
    assert_int_equal(parsed("HTTP/1.1 200 OK\r\n\r\n").framing, HTTP_CLOSE);
    assert_int_equal(parsed("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n").framing,
                     HTTP_CHUNKED);
    assert_int_equal(parsed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"
                            "\r\n\r\n")
                         .framing,
                     HTTP_CHUNKED);
    r = parsed("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(r.framing, HTTP_LENGTH);
    assert_int_equal(r.length, 0);
    assert_int_equal(parsed("HTTP/1.1 200 OK\r\nContent-Length: 7, 7\r\n\r\n").length, 7);
}

TEST(wrong_lengths_and_unknown_codings_are_refused)
{
    refused("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nContent-Length: 7, 8\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nContent-Length: 7,\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
    refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
}

struct outcome {
    char text[256];
    size_t len;
    size_t used;
    bool done, failed;
};

/* Feeds the body in pieces of `step` octets, each in memory of its own size. */
static struct outcome
decode(struct http_response response, const char *wire, size_t wire_len, size_t step)
{
    struct outcome o = { .used = 0 };
    struct failure why;
    struct http_body body;

    estab_http_body_start(&body, &response);
    while (o.used < wire_len && !body.done && !o.failed) {
        size_t piece = wire_len - o.used < step ? wire_len - o.used : step, at = 0;
        char *exact = malloc(piece);

        assert_non_null(exact);
        memcpy(exact, wire + o.used, piece);
        while (at < piece && !body.done) {
            const char *text;
            size_t len;
            ptrdiff_t n = estab_http_body_next(&body, exact + at, piece - at, &text, &len, &why);

            if (n < 0) {
                o.failed = true;
                break;
            }
            assert_true(n > 0 && (size_t)n <= piece - at);
            assert_true(o.len + len <= sizeof o.text);
            memcpy(o.text + o.len, text, len);
            o.len += len;
            at += (size_t)n;
        }
        o.used += at;
        free(exact);
    }
    o.done = body.done;
    assert_true(o.failed || body.taken == o.len);
    return o;
}

static void
expect_body(struct http_response response, const char *wire, const char *text, const char *rest)
{
    for (size_t step = 1; step <= strlen(wire) + 1; step++) {
        struct outcome o = decode(response, wire, strlen(wire), step);

        assert_false(o.failed);
        assert_int_equal(o.len, strlen(text));
        assert_memory_equal(o.text, text, o.len);
        assert_true(o.done);
        assert_string_equal(wire + o.used, rest);
    }
}

static const struct http_response chunked = { .status = 200, .framing = HTTP_CHUNKED };

TEST(a_body_of_known_length_ends_there)
{
    struct http_response r = { .status = 200, .framing = HTTP_LENGTH, .length = 5 };
    struct outcome o;

    expect_body(r, "helloHTTP/1.1", "hello", "HTTP/1.1");
    o = decode(r, "hell", 4, 4);
    assert_false(o.done);
    r.length = 0;
    o = decode(r, "x", 1, 1);
    assert_true(o.done);
    assert_int_equal(o.used, 0);
}

TEST(a_body_up_to_the_close_is_never_done)
{
    struct http_response r = { .status = 200, .framing = HTTP_CLOSE };
    struct outcome o = decode(r, "hello", 5, 2);

    assert_false(o.done);
    assert_int_equal(o.len, 5);
}

/* RFC 9112 §7.1 */
TEST(chunks_are_joined)
{
    expect_body(chunked, "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\nrest", "hello world",
                "rest");
    expect_body(chunked, "0\r\n\r\n", "", "");
    expect_body(chunked, "00A\r\n0123456789\r\n000\r\n\r\n", "0123456789", "");
    expect_body(chunked, "a\n0123456789\n0\n\n", "0123456789", "");
    expect_body(chunked, "3;x=y;z=\"q\"\r\nabc\r\n0;last\r\nTrailer: x\r\nMore: y\r\n\r\nz", "abc",
                "z");
    expect_body(chunked, "3 \r\nabc\r\n0\r\n\r\n", "abc", "");
    expect_body(chunked, "2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "");
}

TEST(chunks_that_stop_early_are_not_done)
{
    const char wire[] = "5\r\nhello\r\n0\r\n\r\n";

    for (size_t len = 0; len < strlen(wire); len++)
        assert_false(decode(chunked, wire, len, len + 1).done);
}

TEST(wrong_chunks_are_refused)
{
    const char *const bad[] = {
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n",
        ";ext\r\n",
        "5\rhello\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5\r\nhello\rx0\r\n\r\n",
        "8000000000000000\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000000\r\n",
        "0\r\n\rx",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!decode(chunked, bad[i], strlen(bad[i]), 3).failed)
            fail_msg("'%s' was taken", bad[i]);
}

TEST(endless_chunk_lines_are_refused)
{
    static char wire[20000];

    memset(wire, '0', sizeof wire);
    assert_true(decode(chunked, wire, sizeof wire, 1000).failed);
    memset(wire, 'x', sizeof wire);
    memcpy(wire, "5;", 2);
    assert_true(decode(chunked, wire, sizeof wire, 1000).failed);
    memcpy(wire, "0\r\nx:", 5);
    assert_true(decode(chunked, wire, sizeof wire, 1000).failed);
}
