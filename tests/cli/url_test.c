/* SPDX-License-Identifier: MIT */
/* http URLs: what is taken, and that what is not is refused with a reason (cli/url.h). */
#include "cli/url.h"
#include "harness/test.h"

#include <string.h>

/* The sources are of the command, not of a library. */
#include "cli/numbers.h"

static struct url
parsed(const char *text)
{
    struct failure why = { "" };
    struct url url;

    if (estab_url_parse(&url, text, &why) < 0)
        fail_msg("%s: refused: %s", text, why.text);
    return url;
}

static void
refused(const char *text, const char *word)
{
    struct failure why = { "" };
    struct url url;

    if (estab_url_parse(&url, text, &why) == 0)
        fail_msg("%s: taken", text);
    if (strstr(why.text, word) == NULL)
        fail_msg("%s: '%s' does not say '%s'", text, why.text, word);
}

TEST(an_ipv4_url_gives_endpoint_host_and_target)
{
    struct url url = parsed("http://192.0.2.7/a/b?c=d");

    assert_int_equal(url.endpoint.addr.family, ESTAB_INET);
    assert_int_equal(url.endpoint.addr.bytes[3], 7);
    assert_int_equal(url.endpoint.port, 80);
    assert_string_equal(url.authority, "192.0.2.7");
    assert_string_equal(url.target, "/a/b?c=d");
}

TEST(a_port_other_than_80_stands_in_the_host_field)
{
    struct url url = parsed("HTTP://192.0.2.7:8080/");

    assert_int_equal(url.endpoint.port, 8080);
    assert_string_equal(url.authority, "192.0.2.7:8080");
    assert_string_equal(parsed("http://192.0.2.7:80/").authority, "192.0.2.7");
}

TEST(an_ipv6_url_has_brackets)
{
    struct url url = parsed("http://[2001:db8::1]:81/x");

    assert_int_equal(url.endpoint.addr.family, ESTAB_INET6);
    assert_int_equal(url.endpoint.port, 81);
    assert_string_equal(url.authority, "[2001:db8::1]:81");
    assert_string_equal(parsed("http://[2001:db8::1]/").authority, "[2001:db8::1]");
}

TEST(a_target_is_never_empty_and_has_no_fragment)
{
    assert_string_equal(parsed("http://192.0.2.7").target, "/");
    assert_string_equal(parsed("http://192.0.2.7:8080").target, "/");
    assert_string_equal(parsed("http://192.0.2.7?q").target, "/?q");
    assert_string_equal(parsed("http://192.0.2.7/x#y").target, "/x");
    assert_string_equal(parsed("http://192.0.2.7#y").target, "/");
    assert_string_equal(parsed("http://192.0.2.7:/").authority, "192.0.2.7");
}

TEST(other_schemes_are_refused)
{
    refused("https://192.0.2.7/", "https is not supported");
    refused("ftp://192.0.2.7/", "only http://");
    refused("192.0.2.7/", "begins with http://");
    refused("", "begins with http://");
    refused("http:/192.0.2.7/", "begins with http://");
}

TEST(a_name_is_left_to_be_resolved)
{
    struct url url = parsed("http://Example.org/a");

    assert_string_equal(url.name, "Example.org");
    assert_int_equal(url.endpoint.addr.family, 0);
    assert_int_equal(url.endpoint.port, 80);
    assert_string_equal(url.authority, "Example.org");
    url = parsed("http://localhost:8080/");
    assert_string_equal(url.name, "localhost");
    assert_int_equal(url.endpoint.port, 8080);
    assert_string_equal(url.authority, "localhost:8080");
    assert_string_equal(parsed("http://192.0.2.7/").name, "");
}

TEST(what_is_neither_address_nor_name_is_refused)
{
    refused("http://192.0.2/", "neither");
    refused("http://192.0.2.256/", "neither");
    refused("http://2130706433/", "neither");
    refused("http://a..b/", "neither");
    refused("http://[example.org]/", "neither");
    refused("http://a%20b/", "neither");
}

TEST(a_url_without_host_or_with_a_wrong_port_is_refused)
{
    refused("http://", "no host");
    refused("http:///x", "no host");
    refused("http://:80/", "no host");
    refused("http://[]/", "no host");
    refused("http://192.0.2.7:0/", "1 to 65535");
    refused("http://192.0.2.7:65536/", "1 to 65535");
    refused("http://192.0.2.7:8a/", "1 to 65535");
    refused("http://192.0.2.7:00000000080/", "not a port");
    refused("http://[2001:db8::1/", "']' is missing");
    refused("http://[2001:db8::1]x/", "not a port");
    refused("http://[192.0.2.7]/", "IPv6");
    refused("http://user:pw@192.0.2.7/", "user name");
}

TEST(characters_that_would_break_the_request_line_are_refused)
{
    refused("http://192.0.2.7/a b", "percent-encoded");
    refused("http://192.0.2.7/a\r\nHost: x", "percent-encoded");
    refused("http://192.0.2.7/\xc3\xa4", "percent-encoded");
    refused("http://192.0.2.7/\"", "percent-encoded");
}

TEST(a_url_that_does_not_fit_is_refused)
{
    char text[2 * URL_TEXT];
    const char start[] = "http://192.0.2.7/";

    memset(text, 'a', sizeof text);
    memcpy(text, start, strlen(start));
    text[strlen("http://192.0.2.7") + URL_TEXT - 2] = '\0';
    assert_int_equal(strlen(parsed(text).target), URL_TEXT - 2);
    text[strlen(text)] = 'a';
    text[strlen("http://192.0.2.7") + URL_TEXT - 1] = '\0';
    refused(text, "longer");
    memset(text, '1', sizeof text - 1);
    memcpy(text, "http://", 7);
    text[sizeof text - 1] = '\0';
    refused(text, "longer");
}
