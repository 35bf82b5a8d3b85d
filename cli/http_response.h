/* SPDX-License-Identifier: MIT */
/*
 * A response as the client sees it (RFC 9112 §4, §6, §7.1): its head, how long its body is, and
 * taking the body out of its framing. Pure.
 */
#ifndef ESTAB_CLI_HTTP_RESPONSE_H
#define ESTAB_CLI_HTTP_RESPONSE_H

#include "cli/http_text.h"
#include "drivers/failure.h"

#include <stdint.h>

enum http_framing {
    HTTP_LENGTH,  /* `left` octets */
    HTTP_CHUNKED, /* Transfer-Encoding: chunked */
    HTTP_CLOSE,   /* up to the end of the connection */
};

struct http_response {
    unsigned status;      /* 100..599 */
    struct text reason;   /* may be empty */
    struct text location; /* of a redirection; len 0: none */
    enum http_framing framing;
    uint64_t length; /* HTTP_LENGTH */
};

/* Parses a whole head, as estab_http_head_length() measures it; the texts point into it. Returns 0,
 * or -1 and why. */
int estab_http_response_parse(struct http_response *response, const char *head, size_t len,
                              struct failure *why);

/* A body on its way. Set by estab_http_body_start(). */
struct http_body {
    enum http_framing framing;
    uint64_t left;  /* of the length, or of this chunk */
    uint64_t taken; /* octets of text so far */
    bool done;      /* nothing more belongs to the body; never with HTTP_CLOSE */
    unsigned state; /* of the chunk parser */
    unsigned digits;
    unsigned line; /* octets of the chunk's line so far */
};

void estab_http_body_start(struct http_body *body, const struct http_response *response);

/* Looks at `len` octets that arrived and returns how many it used: text (at *text, *text_len of it,
 * or none) or framing. Call again with the rest, until 0 are used or the body is done.
 * -1 and why: the framing is wrong. */
ptrdiff_t estab_http_body_next(struct http_body *body, const char *data, size_t len,
                               const char **text, size_t *text_len, struct failure *why);

#endif
