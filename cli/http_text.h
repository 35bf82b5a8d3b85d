/* SPDX-License-Identifier: MIT */
/*
 * What requests and responses have in common (RFC 9112 §2, §5): lines, fields, and lists of tokens
 * in field values. Pure; texts are octets with a length, never closed by a zero.
 */
#ifndef ESTAB_CLI_HTTP_TEXT_H
#define ESTAB_CLI_HTTP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    const char *at;
    size_t len;
};

/* A field line. */
struct http_field {
    struct text name, value; /* the value without white space around it */
};

bool estab_text_is(struct text t, const char *word);        /* the same octets */
bool estab_text_is_nocase(struct text t, const char *word); /* but for the case of letters */

/* tchar+ (RFC 9110 §5.6.2): methods and field names. */
bool estab_http_is_token(struct text t);

/* Takes the next line off `rest`, without its end: CRLF, or a lone LF (RFC 9112 §2.2). false: no
 * line end is there. */
bool estab_http_next_line(struct text *rest, struct text *line);

/* The length of a head (start line, fields, empty line) at the start of the text, 0 when its end is
 * not there. `from`: where an earlier search gave up; the search need not begin before it. */
size_t estab_http_head_length(const char *text, size_t len, size_t from);

/* Parses a field line. false: no colon, white space before it, a folded line, control characters. */
bool estab_http_parse_field(struct text line, struct http_field *field);

/* Whether a comma-separated list (Connection: close, upgrade) has the token, in any case. */
bool estab_http_list_has(struct text list, const char *token);

#endif
