/* SPDX-License-Identifier: MIT */
/*
 * The files below one directory, and never another: what a path names, what type it has, and what
 * a directory lists.
 */
#ifndef ESTAB_CLI_HTTP_FILES_H
#define ESTAB_CLI_HTTP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_file {
    int fd;            /* -1: none */
    bool is_directory; /* to be listed: it has no index.html */
    uint64_t size;
    int64_t modified;
    const char *type;
};

/* Opens what a decoded, relative path names below the directory `root`; a symbolic link may not
 * lead out of it. Returns 0; 301: a directory asked for without a slash; 403, 404, 500 or 503. */
unsigned estab_http_open(int root, const char *path, bool wants_directory, struct http_file *file);

/* The page that lists an open directory, from malloc(); NULL: it cannot be read. `path` is the
 * decoded path of it. Very long lists are cut, and say so. */
char *estab_http_list(int directory, const char *path, size_t *len);

/* Appends `in` percent-encoded to `out` of `cap` octets, slashes kept. false: no room. */
bool estab_http_encode_path(char *out, size_t cap, const char *in);

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7); `buf` holds 32 octets. */
char *estab_http_date(int64_t seconds, char buf[32]);

#endif
