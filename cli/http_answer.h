/* SPDX-License-Identifier: MIT */
/* The answer to one request: a head, and a body in memory or in a file (RFC 9110 §8, §15). */
#ifndef ESTAB_CLI_HTTP_ANSWER_H
#define ESTAB_CLI_HTTP_ANSWER_H

#include "cli/http_request.h"

struct http_answer {
    unsigned status;
    char *text; /* head, and perhaps a small body, from malloc(); NULL: no memory */
    size_t len;
    int fd; /* or -1: then `left` octets from `offset` follow */
    uint64_t offset, left;
    uint64_t body; /* octets of body, for the log */
};

/* The answer to a request, from the files below `root`. */
struct http_answer estab_http_answer(const struct http_request *request, int root, bool keep_alive);

/* The answer that refuses: 4xx or 5xx, and the connection ends. */
struct http_answer estab_http_refusal(unsigned status, bool head_only);

#endif
