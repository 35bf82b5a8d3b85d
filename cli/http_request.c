/* SPDX-License-Identifier: MIT */
/* A request as the server sees it; see http_request.h. */
#include "cli/http_request.h"
#include "cli/numbers.h"

#include <string.h>
#include <strings.h>

/* --- the target --- */

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* RFC 3986 §2.1. A zero octet would end a file name early. */
static bool
percent_decode(char *out, struct text in)
{
    for (size_t i = 0; i < in.len; i++) {
        char c = in.at[i];

        if (c == '%') {
            int high = i + 2 < in.len ? hex_digit(in.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(in.at[i + 2]) : -1;

            if (low < 0 || (high | low) == 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        *out++ = c;
    }
    *out = '\0';
    return true;
}

/* RFC 3986 §5.2.4, in place; but a ".." that would leave the root is refused, not swallowed: who
 * sends that is looking for a way out. */
static bool
remove_dot_segments(char *path, bool *wants_directory)
{
    char *from = path, *to = path;

    *wants_directory = true;
    while (*from != '\0') {
        size_t len = strcspn(from, "/");
        bool last = from[len] == '\0';

        if (len == 0 || (len == 1 && from[0] == '.')) {
            *wants_directory = true;
        } else if (len == 2 && from[0] == '.' && from[1] == '.') {
            if (to == path)
                return false;
            while (to > path && *--to != '/')
                ;
            *wants_directory = true;
        } else {
            if (to > path)
                *to++ = '/';
            memmove(to, from, len);
            to += len;
            *wants_directory = !last;
        }
        from += last ? len : len + 1;
    }
    *to = '\0';
    return true;
}

unsigned
estab_http_decode_target(struct http_request *request, struct text target)
{
    const char *query = target.len > 0 ? memchr(target.at, '?', target.len) : NULL;

    if (query != NULL)
        target.len = (size_t)(query - target.at);
    if (target.len > HTTP_TARGET_MAX)
        return 414;
    if (target.len == 0 || target.at[0] != '/')
        return 400;
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.at[i] <= ' ' || (unsigned char)target.at[i] >= 0x7f ||
            target.at[i] == '#')
            return 400;
    if (!percent_decode(request->path, target))
        return 400;
    if (!remove_dot_segments(request->path, &request->wants_directory))
        return 403;
    return 0;
}

/* --- the request line --- */

static unsigned
judge_method(struct text method, bool *head_only)
{
    static const char *const refused[] = {
        "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH",
    };

    *head_only = estab_text_is(method, "HEAD");
    if (*head_only || estab_text_is(method, "GET"))
        return 0;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (estab_text_is(method, refused[i]))
            return 405;
    return estab_http_is_token(method) ? 501 : 400;
}

/* RFC 9112 §3: method SP target SP version, one space each. */
static unsigned
parse_request_line(struct http_request *request, struct text line)
{
    const char *space = line.len > 0 ? memchr(line.at, ' ', line.len) : NULL;
    struct text version, target;
    unsigned status;

    if (space == NULL)
        return 400;
    request->method = (struct text){ line.at, (size_t)(space - line.at) };
    target = (struct text){ space + 1, line.len - request->method.len - 1 };
    space = target.len > 0 ? memchr(target.at, ' ', target.len) : NULL;
    if (space == NULL)
        return target.len > HTTP_TARGET_MAX ? 414 : 400;
    version = (struct text){ space + 1, (size_t)(target.at + target.len - space) - 1 };
    target.len = (size_t)(space - target.at);
    request->target = target;
    status = judge_method(request->method, &request->head_only);
    if (status == 400)
        return status;
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[5] < '0' ||
        version.at[5] > '9' || version.at[6] != '.' || version.at[7] < '0' || version.at[7] > '9')
        return 400;
    if (version.at[5] != '1')
        return 505;
    if (status != 0)
        return status;
    request->http_1_0 = version.at[7] == '0';
    request->keep_alive = !request->http_1_0;
    if (target.len > HTTP_TARGET_MAX)
        return 414;
    /* RFC 9112 §3.2.2: the absolute form, as sent to proxies, must be accepted. */
    if (target.len >= 7 && strncasecmp(target.at, "http://", 7) == 0) {
        size_t skip = 7;

        while (skip < target.len && target.at[skip] != '/' && target.at[skip] != '?')
            skip++;
        if (skip == 7)
            return 400;
        target.at += skip;
        target.len -= skip;
        if (target.len == 0 || target.at[0] == '?')
            target = (struct text){ "/", 1 };
    }
    return estab_http_decode_target(request, target);
}

/* --- fields --- */

/* RFC 9110 §14.1.2: "bytes=" first "-" [last], or "-" suffix length. */
static struct http_range
parse_range(struct text value)
{
    const struct http_range none = { HTTP_RANGE_NONE, 0, 0 };
    struct http_range range = none;
    const char *dash;
    struct text first, last;

    if (value.len < 7 || strncasecmp(value.at, "bytes=", 6) != 0)
        return none;
    value.at += 6;
    value.len -= 6;
    dash = memchr(value.at, '-', value.len);
    if (dash == NULL)
        return none;
    first = (struct text){ value.at, (size_t)(dash - value.at) };
    last = (struct text){ dash + 1, value.len - first.len - 1 };
    if (first.len > 0 && !estab_parse_digits(first.at, first.len, INT64_MAX, &range.first))
        return none;
    if (last.len > 0 && !estab_parse_digits(last.at, last.len, INT64_MAX, &range.last))
        return none;
    if (first.len > 0 && last.len > 0)
        range.kind = range.first <= range.last ? HTTP_RANGE_BETWEEN : HTTP_RANGE_NONE;
    else if (first.len > 0)
        range.kind = HTTP_RANGE_FROM;
    else if (last.len > 0)
        range.kind = HTTP_RANGE_LAST;
    return range;
}

struct fields_seen {
    unsigned hosts;
    bool length, encoded;
};

static unsigned
take_field(struct http_request *request, struct fields_seen *seen, const struct http_field *field)
{
    uint64_t length;

    if (estab_text_is_nocase(field->name, "Host")) {
        seen->hosts++;
    } else if (estab_text_is_nocase(field->name, "Connection")) {
        if (estab_http_list_has(field->value, "close"))
            request->keep_alive = false;
        else if (request->http_1_0 && estab_http_list_has(field->value, "keep-alive"))
            request->keep_alive = true;
    } else if (estab_text_is_nocase(field->name, "Content-Length")) {
        if (!estab_parse_digits(field->value.at, field->value.len, INT64_MAX, &length) ||
            (seen->length && length != request->body_length))
            return 400;
        request->body_length = length;
        seen->length = true;
    } else if (estab_text_is_nocase(field->name, "Transfer-Encoding")) {
        seen->encoded = true;
    } else if (estab_text_is_nocase(field->name, "Range")) {
        request->range = request->head_only ? (struct http_range){ 0 } : parse_range(field->value);
    } else if (estab_text_is_nocase(field->name, "If-Range")) {
        request->if_range = field->value;
    }
    return 0;
}

unsigned
estab_http_request_parse(struct http_request *request, const char *head, size_t len)
{
    struct text rest = { head, len }, line;
    struct fields_seen seen = { 0 };
    struct http_field field;
    unsigned status;

    memset(request, 0, offsetof(struct http_request, path));
    request->path[0] = '\0';
    if (!estab_http_next_line(&rest, &line))
        return 400;
    status = parse_request_line(request, line);
    if (status != 0)
        return status;
    while (estab_http_next_line(&rest, &line) && line.len > 0) {
        if (!estab_http_parse_field(line, &field))
            return 400;
        status = take_field(request, &seen, &field);
        if (status != 0)
            return status;
    }
    /* RFC 9112 §3.2: one Host, and HTTP/1.1 needs it. §6.3: a length beside an encoding is how
     * requests are smuggled; a body in chunks means nothing to what we serve. */
    if (seen.hosts > 1 || (seen.hosts == 0 && !request->http_1_0))
        return 400;
    if (seen.encoded)
        return seen.length ? 400 : 413;
    return 0;
}

unsigned
estab_http_range_of(const struct http_range *range, uint64_t size, uint64_t *first,
                    uint64_t *length)
{
    *first = 0;
    *length = size;
    switch (range->kind) {
    case HTTP_RANGE_NONE:
        return 200;
    case HTTP_RANGE_LAST:
        if (range->last == 0 || size == 0)
            return 416;
        if (range->last < size) {
            *first = size - range->last;
            *length = range->last;
        }
        return 206;
    case HTTP_RANGE_BETWEEN:
    case HTTP_RANGE_FROM:
        break;
    }
    if (range->first >= size)
        return 416;
    *first = range->first;
    *length = size - range->first;
    if (range->kind == HTTP_RANGE_BETWEEN && range->last - range->first < *length)
        *length = range->last - range->first + 1;
    return 206;
}

const char *
estab_http_reason(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 206:
        return "Partial Content";
    case 301:
        return "Moved Permanently";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 416:
        return "Range Not Satisfiable";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}
