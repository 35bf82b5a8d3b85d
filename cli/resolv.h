/* SPDX-License-Identifier: MIT */
/*
 * The files that say how names are resolved, resolv.conf(5) and hosts(5), as text. Pure, but for
 * the two functions that read a file. What cannot be understood in them is passed over.
 */
#ifndef ESTAB_CLI_RESOLV_H
#define ESTAB_CLI_RESOLV_H

#include "drivers/failure.h"
#include "estab/resolver.h"

#include <stddef.h>

enum { RESOLV_FILE_MAX = 1 << 20, HOSTS_MAX = 4096 };

/* Servers (port 53), search list, ndots, timeout and attempts over what stands in `cfg`. Servers on
 * a loopback address are the kernel's, which this host cannot reach: they are left out, and counted. */
void estab_resolv_parse(struct estab_resolver_config *cfg, const char *text, unsigned *left_out);

/* Up to HOSTS_MAX names; the table is to be freed. -1: no memory. */
int estab_hosts_parse(struct estab_host_entry **table, size_t *n, const char *text);

/* Can this be the name of a host? Not an address, nor what was meant to be one: the last label has a
 * letter (RFC 1123 §2.1). */
bool estab_is_host_name(const char *text);

/* A whole file as a string, to be freed. NULL and why. */
char *estab_read_text(const char *path, struct failure *why);

#endif
