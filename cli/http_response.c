/* SPDX-License-Identifier: MIT */
/* A response as the client sees it; see http_response.h. */
#include "cli/http_response.h"
#include "cli/numbers.h"

#include <string.h>

/* RFC 9112 §4: HTTP/1.1 SP 200 SP [reason]. */
static bool
parse_status_line(struct http_response *response, struct text line)
{
    uint64_t status;

    if (line.len < 12 || memcmp(line.at, "HTTP/1.", 7) != 0 || line.at[7] < '0' ||
        line.at[7] > '9' || line.at[8] != ' ' ||
        !estab_parse_digits(line.at + 9, 3, 599, &status) || status < 100)
        return false;
    if (line.len > 12 && line.at[12] != ' ')
        return false;
    response->status = (unsigned)status;
    if (line.len > 13)
        response->reason = (struct text){ line.at + 13, line.len - 13 };
    /* It is shown to people: nothing that a terminal would obey. */
    for (size_t i = 0; i < response->reason.len; i++)
        if ((unsigned char)response->reason.at[i] < ' ' || response->reason.at[i] == 0x7f)
            response->reason.len = 0;
    return true;
}

/* RFC 9112 §6.3, in its order: no body; Transfer-Encoding; Content-Length; the connection's end. */
static void
decide_framing(struct http_response *response, bool encoded, bool chunked_last, bool has_length)
{
    if (response->status < 200 || response->status == 204 || response->status == 304) {
        response->framing = HTTP_LENGTH;
        response->length = 0;
    } else if (encoded) {
        response->framing = chunked_last ? HTTP_CHUNKED : HTTP_CLOSE;
    } else {
        response->framing = has_length ? HTTP_LENGTH : HTTP_CLOSE;
    }
}

/* "42", or the same number several times, "42, 42" (RFC 9110 §8.6). */
static bool
parse_length(struct text value, uint64_t *length)
{
    bool first = true;

    for (;;) {
        const char *comma = value.len > 0 ? memchr(value.at, ',', value.len) : NULL;
        size_t used = comma != NULL ? (size_t)(comma - value.at) : value.len;
        struct text part = { value.at, used };
        uint64_t n;

        while (part.len > 0 && (part.at[part.len - 1] == ' ' || part.at[part.len - 1] == '\t'))
            part.len--;
        while (part.len > 0 && (part.at[0] == ' ' || part.at[0] == '\t')) {
            part.at++;
            part.len--;
        }
        if (!estab_parse_digits(part.at, part.len, INT64_MAX, &n) || (!first && n != *length))
            return false;
        *length = n;
        first = false;
        if (comma == NULL)
            return true;
        value.at += used + 1;
        value.len -= used + 1;
    }
}

int
estab_http_response_parse(struct http_response *response, const char *head, size_t len,
                          struct failure *why)
{
    struct text rest = { head, len }, line;
    bool has_length = false, encoded = false, chunked = false;
    struct http_field field;
    uint64_t length = 0;

    *response = (struct http_response){ 0 };
    if (!estab_http_next_line(&rest, &line) || !parse_status_line(response, line))
        return estab_fail(why, "the server does not speak HTTP/1.1");
    while (estab_http_next_line(&rest, &line) && line.len > 0) {
        if (!estab_http_parse_field(line, &field))
            return estab_fail(why, "the server sent a malformed header field");
        if (estab_text_is_nocase(field.name, "Content-Length")) {
            if (!parse_length(field.value, &length) || (has_length && length != response->length))
                return estab_fail(why, "the server sent a wrong Content-Length, '%.*s'",
                                  (int)(field.value.len > 80 ? 80 : field.value.len),
                                  field.value.at);
            response->length = length;
            has_length = true;
        } else if (estab_text_is_nocase(field.name, "Transfer-Encoding")) {
            if (!estab_text_is_nocase(field.value, "chunked") || encoded)
                return estab_fail(why, "the server uses a transfer encoding other than chunked");
            encoded = chunked = true;
        } else if (estab_text_is_nocase(field.name, "Location")) {
            response->location = field.value;
        }
    }
    decide_framing(response, encoded, chunked, has_length);
    return 0;
}

/* RFC 9112 §7.1: size [; extensions] CRLF data CRLF ... 0 CRLF trailer fields CRLF. */
enum {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER_START,
    TRAILER,
    TRAILER_LAST_LF,
};

/* Lines of the framing are for us alone: no honest server needs long ones. */
#define LINE_MAX_OCTETS 8192

void
estab_http_body_start(struct http_body *body, const struct http_response *response)
{
    *body = (struct http_body){ .framing = response->framing, .left = response->length };
    if (response->framing == HTTP_CHUNKED)
        body->left = 0;
    else
        body->done = response->framing == HTTP_LENGTH && response->length == 0;
}

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

static int
size_ends(struct http_body *body, struct failure *why)
{
    if (body->digits == 0)
        return estab_fail(why, "the server sent a chunk without a size");
    body->line = 0;
    body->digits = 0;
    body->state = body->left > 0 ? CHUNK_DATA : TRAILER_START;
    return 0;
}

/* One octet of framing. A lone LF ends a line as well as CRLF does. */
static int
chunk_octet(struct http_body *body, char c, struct failure *why)
{
    int digit;

    if (++body->line > LINE_MAX_OCTETS)
        return estab_fail(why, "the server sent an endless chunk line or trailer");
    switch (body->state) {
    case CHUNK_SIZE:
        digit = hex_digit(c);
        if (digit >= 0) {
            if (body->left > (uint64_t)INT64_MAX / 16 - 1)
                return estab_fail(why, "the server sent a chunk of absurd size");
            body->left = body->left * 16 + (unsigned)digit;
            body->digits++;
            return 0;
        }
        if (c == '\n')
            return size_ends(body, why);
        if (c != '\r' && c != ';' && c != ' ' && c != '\t')
            return estab_fail(why, "the server sent a chunk size that is not a number");
        body->state = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
        return 0;
    case CHUNK_EXTENSION:
        return c == '\n' ? size_ends(body, why) : 0;
    case CHUNK_SIZE_LF:
        if (c != '\n')
            return estab_fail(why, "the server sent a chunk size that is not a number");
        return size_ends(body, why);
    case CHUNK_DATA_CR:
        if (c == '\r') {
            body->state = CHUNK_DATA_LF;
            return 0;
        }
        /* fall through */
    case CHUNK_DATA_LF:
        if (c != '\n')
            return estab_fail(why, "the server sent a chunk longer than its size says");
        body->line = 0;
        body->state = CHUNK_SIZE;
        return 0;
    case TRAILER_START:
        if (c == '\n')
            body->done = true;
        else
            body->state = c == '\r' ? TRAILER_LAST_LF : TRAILER;
        return 0;
    case TRAILER:
        if (c == '\n')
            body->state = TRAILER_START;
        return 0;
    default: /* TRAILER_LAST_LF */
        if (c != '\n')
            return estab_fail(why, "the server sent a malformed trailer");
        body->done = true;
        return 0;
    }
}

ptrdiff_t
estab_http_body_next(struct http_body *body, const char *data, size_t len, const char **text,
                     size_t *text_len, struct failure *why)
{
    size_t used = 0;

    *text = data;
    *text_len = 0;
    if (body->done || len == 0)
        return 0;
    if (body->framing == HTTP_CLOSE || body->framing == HTTP_LENGTH || body->state == CHUNK_DATA) {
        used = len;
        if (body->framing != HTTP_CLOSE) {
            if (used > body->left)
                used = (size_t)body->left;
            body->left -= used;
        }
        body->taken += used;
        *text_len = used;
        if (body->framing == HTTP_LENGTH)
            body->done = body->left == 0;
        else if (body->framing == HTTP_CHUNKED && body->left == 0)
            body->state = CHUNK_DATA_CR;
        return (ptrdiff_t)used;
    }
    while (used < len && !body->done && body->state != CHUNK_DATA)
        if (chunk_octet(body, data[used++], why) < 0)
            return -1;
    return (ptrdiff_t)used;
}
