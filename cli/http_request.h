/* SPDX-License-Identifier: MIT */
/*
 * A request as the server sees it (RFC 9112 §3, §6; RFC 9110 §9, §14): what is asked for, decoded
 * and made harmless, or the status that refuses it. Pure.
 */
#ifndef ESTAB_CLI_HTTP_REQUEST_H
#define ESTAB_CLI_HTTP_REQUEST_H

#include "cli/http_text.h"

#include <stdint.h>

enum { HTTP_TARGET_MAX = 4096 };

enum http_range_kind {
    HTTP_RANGE_NONE,
    HTTP_RANGE_BETWEEN, /* first..last */
    HTTP_RANGE_FROM,    /* first..the end */
    HTTP_RANGE_LAST,    /* the last `last` octets */
};

struct http_range {
    enum http_range_kind kind;
    uint64_t first, last;
};

struct http_request {
    struct text method, target; /* as they came, for the log; empty when not readable */
    bool head_only;             /* HEAD */
    bool keep_alive;
    bool http_1_0;
    uint64_t body_length;    /* octets that follow and mean nothing to a GET */
    struct http_range range; /* of a GET, one range; several are ignored, as is a malformed one */
    struct text if_range;    /* len 0: none */
    bool wants_directory;    /* the path ended in a slash */
    char path[HTTP_TARGET_MAX + 1]; /* decoded, relative, without "." and ".."; "" is the root */
};

/* Parses a whole head, as estab_http_head_length() measures it; the texts point into it. Returns 0,
 * or the status of the refusal: 400, 403, 405, 413, 414, 501, 505. After a refusal nobody knows
 * where the next request begins: close. */
unsigned estab_http_request_parse(struct http_request *request, const char *head, size_t len);

/* Decodes an origin-form target into path and wants_directory. 0, 400, 403 or 414. */
unsigned estab_http_decode_target(struct http_request *request, struct text target);

/* What of `size` octets a range asks for: 200 all, 206 a part, 416 nothing. */
unsigned estab_http_range_of(const struct http_range *range, uint64_t size, uint64_t *first,
                             uint64_t *length);

/* "Not Found". */
const char *estab_http_reason(unsigned status);

#endif
