/* SPDX-License-Identifier: MIT */
/*
 * A file that appears under its name only when it is whole. Until then it has no name at all
 * (O_TMPFILE), so that it vanishes with the process however that ends; where the file system
 * cannot do that, it has a temporary name beside the final one.
 */
#ifndef ESTAB_CLI_NEW_FILE_H
#define ESTAB_CLI_NEW_FILE_H

#include "drivers/failure.h"

#include <stdbool.h>
#include <stddef.h>

enum { NEW_FILE_NAME = 256 };

struct new_file {
    int fd;        /* to write to; -1: not open */
    int directory; /* the one it will be in */
    bool direct;   /* a device or pipe was named: written as it comes */
    char name[NEW_FILE_NAME];
    char temporary[NEW_FILE_NAME]; /* "" while there is none */
};

int estab_new_file_open(struct new_file *file, const char *path, struct failure *why);
/* Writes all of it; 0, or what went wrong, a negative errno. */
int estab_new_file_write(struct new_file *file, const void *p, size_t n);
/* It is whole: gives it its name, in place of what may have had it. */
int estab_new_file_keep(struct new_file *file, struct failure *why);
/* Closes; what was not kept is gone. Allowed at any time. */
void estab_new_file_drop(struct new_file *file);

#endif
