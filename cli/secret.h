/* SPDX-License-Identifier: MIT */
/*
 * The secret of a host that is kept in a file, so that what is made of it is the same from run to run:
 * its hardware address, and the IPv6 addresses that it gives itself (RFC 7217).
 */
#ifndef ESTAB_CLI_SECRET_H
#define ESTAB_CLI_SECRET_H

#include "drivers/failure.h"

#include <stddef.h>
#include <stdint.h>

/* Reads it, or makes it when there is no such file. The file must be its owner's alone. -1 and why. */
int estab_secret_load(uint8_t secret[32], const char *path, struct failure *why);

/* 32 octets, or 64 hexadecimal digits with or without a newline; all zero is none. -1 and why. */
int estab_secret_parse(uint8_t secret[32], const uint8_t *text, size_t len, struct failure *why);

#endif
