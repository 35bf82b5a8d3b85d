/* SPDX-License-Identifier: MIT */
/*
 * http URLs (RFC 9110 §4.2.1, RFC 3986): taken apart into where to connect, what to say in Host, and
 * what to ask for. Pure.
 */
#ifndef ESTAB_CLI_URL_H
#define ESTAB_CLI_URL_H

#include "drivers/failure.h"
#include "estab/addr.h"

enum { URL_TEXT = 4096 };

struct url {
    struct estab_endpoint endpoint; /* without a family: the host is `name` */
    char name[256];                 /* "" when it is an address */
    char authority[264]; /* for the Host field: "192.0.2.1:8080", "[2001:db8::1]", "example.org" */
    char target[URL_TEXT]; /* origin form: path and query, at least "/"; the fragment is dropped */
};

/* Returns 0, or -1 and why. */
int estab_url_parse(struct url *url, const char *text, struct failure *why);

#endif
