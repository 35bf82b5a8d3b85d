/* SPDX-License-Identifier: MIT */
/*
 * Who has which address on the link between this host and the kernel. We are a host on the TUN
 * device; the kernel is the other end. Pure, but for reading what the kernel already has.
 */
#ifndef ESTAB_CLI_ADDRESSING_H
#define ESTAB_CLI_ADDRESSING_H

#include "cli/options.h"

/* One address of ours and the kernel's at the other end. */
struct link_address {
    struct prefix own;
    struct estab_addr kernel;
    bool outside; /* the kernel's is not within our prefix: a pair of lone addresses */
};

struct addressing {
    struct link_address at[OPTIONS_ADDRS];
    size_t n;
    bool chosen_here; /* nobody asked for these: the user must be told */
};

/* For a device that we made: --addr and --gateway, or 10.9.N.2/24 and fd00:9:0:N::2/64 with the
 * kernel at .1, where `n_default` is N. */
int estab_addressing_plan(struct addressing *plan, const struct options *options,
                          unsigned n_default, struct failure *why);

/* For a device that was there: --addr, or the neighbours of the addresses it has. */
int estab_addressing_follow(struct addressing *plan, const struct options *options,
                            const char *device, struct failure *why);

/* What can be said about --addr, --gateway, --mtu, -4 and -6 before there is a device. */
int estab_addressing_check(const struct options *options, struct failure *why);

/* The first N whose 10.9.N.0/24 no interface of the kernel has. */
unsigned estab_addressing_free_default(void);

/* The first address of the prefix that a host can have and that is not `but`; false: there is none. */
bool estab_neighbour_in_prefix(const struct prefix *prefix, const struct estab_addr *but,
                               struct estab_addr *out);
bool estab_prefix_contains(const struct prefix *prefix, const struct estab_addr *addr);

#endif
