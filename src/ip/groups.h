/* SPDX-License-Identifier: MIT */
/*
 * The multicast groups that this host receives, by interface: a bounded array with the number of
 * users of each. What is told to routers about them (IGMP, MLD) reads it.
 */
#ifndef IP_GROUPS_H
#define IP_GROUPS_H

#include "estab/err.h"

#include <stdbool.h>
#include <stdint.h>

#define GROUPS_MAX 64

struct ip_group {
    uint8_t octets[16];
    uint8_t addr_len;
    uint8_t ifindex;
    uint16_t users;
};

struct ip_groups {
    uint32_t n;
    struct ip_group group[GROUPS_MAX];
};

/* One user more; 0 or -ESTAB_ENOBUFS. */
int estab_ip_join(struct ip_groups *t, const uint8_t *group, unsigned addr_len, unsigned ifindex);
/* One user less. */
void estab_ip_leave(struct ip_groups *t, const uint8_t *group, unsigned addr_len, unsigned ifindex);
/* Does somebody here receive it? 224.0.0.1 and ff02::1 are everybody's. */
bool estab_ip_is_joined(const struct ip_groups *t, const uint8_t *group, unsigned addr_len,
                        unsigned ifindex);

#endif
