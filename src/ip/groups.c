/* SPDX-License-Identifier: MIT */
/* Multicast groups of the host (RFC 1112 §7.2, RFC 4291 §2.8); see groups.h. Called from stack/. */
#include "ip/groups.h"

#include "base/assert.h"

#include <string.h>

static struct ip_group *
find(struct ip_groups *t, const uint8_t *group, unsigned addr_len, unsigned ifindex)
{
    uint32_t i;

    for (i = 0; i < t->n; i++)
        if (t->group[i].addr_len == addr_len && t->group[i].ifindex == ifindex &&
            memcmp(t->group[i].octets, group, addr_len) == 0)
            return &t->group[i];
    return NULL;
}

int
estab_ip_join(struct ip_groups *t, const uint8_t *group, unsigned addr_len, unsigned ifindex)
{
    struct ip_group *g = find(t, group, addr_len, ifindex);

    if (g == NULL) {
        if (t->n == GROUPS_MAX)
            return -ESTAB_ENOBUFS;
        g = &t->group[t->n++];
        *g = (struct ip_group){ .addr_len = (uint8_t)addr_len, .ifindex = (uint8_t)ifindex };
        memcpy(g->octets, group, addr_len);
    }
    if (g->users == UINT16_MAX)
        return -ESTAB_ENOBUFS;
    g->users++;
    return 0;
}

void
estab_ip_leave(struct ip_groups *t, const uint8_t *group, unsigned addr_len, unsigned ifindex)
{
    struct ip_group *g = find(t, group, addr_len, ifindex);

    ESTAB_ASSERT(g != NULL && g->users > 0);
    if (--g->users == 0)
        *g = t->group[--t->n];
}

bool
estab_ip_is_joined(const struct ip_groups *t, const uint8_t *group, unsigned addr_len,
                   unsigned ifindex)
{
    static const uint8_t all_hosts[4] = { 224, 0, 0, 1 };
    static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

    if (memcmp(group, addr_len == 4 ? all_hosts : all_nodes, addr_len) == 0)
        return true;
    return find((struct ip_groups *)(uintptr_t)t, group, addr_len, ifindex) != NULL;
}
