/* SPDX-License-Identifier: MIT */
/* http URLs; see url.h. */
#include "cli/url.h"
#include "cli/numbers.h"
#include "cli/resolv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* RFC 3986 §2: everything else must come percent-encoded. Control characters and spaces would
 * break out of the request line. */
static bool
is_url_character(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL;
}

static int
check_scheme(const char *text, struct failure *why)
{
    if (strncasecmp(text, "http://", 7) == 0)
        return 0;
    if (strncasecmp(text, "https://", 8) == 0)
        return estab_fail(why, "%s: https is not supported, only http://", text);
    if (strstr(text, "://") != NULL)
        return estab_fail(why, "%s: only http:// is supported", text);
    return estab_fail(why, "%s: a URL begins with http://", text);
}

/* RFC 3986 §3.2.2: "[" IPv6 "]", an IPv4 address or a name, then perhaps ":" port. */
static int
parse_authority(struct url *url, const char *text, size_t len, struct failure *why)
{
    char host[sizeof url->name];
    bool is_name;
    const char *start = text, *end = text + len, *port;
    struct estab_addr *addr = &url->endpoint.addr;

    if (memchr(text, '@', len) != NULL)
        return estab_fail(why, "%.*s: a user name in a URL is not supported", (int)len, text);
    if (len > 0 && *text == '[') {
        const char *bracket = memchr(text, ']', len);

        if (bracket == NULL)
            return estab_fail(why, "%.*s: the ']' is missing", (int)len, text);
        start = text + 1;
        end = bracket;
        port = bracket + 1;
    } else {
        port = memchr(text, ':', len);
        if (port == NULL)
            port = text + len;
        end = port;
    }
    if (end == start)
        return estab_fail(why, "the URL names no host");
    if ((size_t)(end - start) >= sizeof host)
        return estab_fail(why, "%.*s...: longer than a name can be", 60, start);
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    is_name = *text != '[' && estab_is_host_name(host);
    if (!is_name && estab_addr_parse(addr, host) < 0)
        return estab_fail(why, "%.200s: neither an address nor a name", host);
    if (!is_name && (addr->family == ESTAB_INET6) != (*text == '['))
        return estab_fail(why, "%s: an IPv6 address, and only that, stands in [ ] in a URL", host);
    if (is_name)
        memcpy(url->name, host, sizeof host);

    url->endpoint.port = 80;
    if (port < text + len) {
        char digits[8] = { 0 };
        size_t n = (size_t)(text + len - port) - 1;

        /* RFC 3986 §3.2.3: an empty port is the default one. */
        if (*port != ':' || n >= sizeof digits)
            return estab_fail(why, "%.*s: not a port", (int)n + 1, port);
        memcpy(digits, port + 1, n);
        if (n > 0 && !estab_parse_port(digits, &url->endpoint.port))
            return estab_fail(why, "%s: a port is a number from 1 to 65535", digits);
    }
    if (is_name && url->endpoint.port != 80)
        snprintf(url->authority, sizeof url->authority, "%s:%u", host, url->endpoint.port);
    else if (url->endpoint.port == 80 && addr->family == ESTAB_INET6)
        snprintf(url->authority, sizeof url->authority, "[%s]", host);
    else if (url->endpoint.port == 80)
        snprintf(url->authority, sizeof url->authority, "%s", host);
    else
        estab_endpoint_format(&url->endpoint, url->authority);
    return 0;
}

int
estab_url_parse(struct url *url, const char *text, struct failure *why)
{
    size_t authority_len, target_len;
    const char *rest;

    memset(url, 0, sizeof *url);
    for (const char *c = text; *c != '\0'; c++)
        if (!is_url_character(*c))
            return estab_fail(why,
                              "the URL has a character (0x%02x, at %td) that must be "
                              "percent-encoded",
                              (unsigned)(unsigned char)*c, c - text);
    if (check_scheme(text, why) < 0)
        return -1;
    text += strlen("http://");
    authority_len = strcspn(text, "/?#");
    if (parse_authority(url, text, authority_len, why) < 0)
        return -1;
    rest = text + authority_len;
    target_len = strcspn(rest, "#");
    if (target_len + 2 > sizeof url->target)
        return estab_fail(why, "the URL is longer than %d characters", URL_TEXT - 2);
    if (*rest != '/')
        url->target[0] = '/';
    strncat(url->target, rest, target_len);
    return 0;
}
