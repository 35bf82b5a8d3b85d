/* SPDX-License-Identifier: MIT */
/*
 * The network device: datagrams of the script go into the stack at once, those of the stack wait
 * in a queue with the time at which they were sent. packetdrill does not look at the TCP checksum
 * of what it reads, so it is checked here.
 */
#include "object.h"

#include <stdlib.h>
#include <string.h>

/* The Internet checksum over pseudo header and segment, plainly (RFC 9293 §3.1). */
static uint32_t
add_octets(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
    return sum;
}

static void
check_tcp_checksum(const uint8_t *p, uint32_t len)
{
    bool v6 = p[0] >> 4 == 6;
    uint32_t header = v6 ? 40 : (p[0] & 15u) * 4, sum;
    unsigned proto = v6 ? p[6] : p[9];

    if (proto != 6)
        return;
    sum = add_octets(0, v6 ? p + 8 : p + 12, v6 ? 32 : 8);
    sum = add_octets(sum, p + header, len - header) + 6 + (len - header);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    if (sum != 0xffff)
        pd_fail("a TCP segment of %u octets has a wrong checksum", len);
}

void
pd_collect(struct object *o)
{
    for (;;) {
        struct packet *p = malloc(sizeof(*p) + o->set.mtu);
        struct estab_frame f;

        if (p == NULL)
            pd_fail("no memory");
        f = (struct estab_frame){ .data = p->data, .cap = o->set.mtu };
        if (estab_stack_output(o->stack, 1, &f, 1, o->now) == 0) {
            free(p);
            return;
        }
        check_tcp_checksum(p->data, f.len);
        p->next = NULL;
        p->at = o->now;
        p->len = f.len;
        if (o->last != NULL)
            o->last->next = p;
        else
            o->first = p;
        o->last = p;
    }
}

void
pd_drop_packets(struct object *o)
{
    while (o->first != NULL) {
        struct packet *next = o->first->next;

        free(o->first);
        o->first = next;
    }
    o->last = NULL;
}

void
pd_add_local(struct object *o, const struct estab_addr *addr)
{
    if (estab_addr_is_any(addr) || estab_addr_is_multicast(addr) ||
        estab_stack_is_local(o->stack, addr))
        return;
    if (estab_stack_add_address(o->stack, 1, addr, addr->family == ESTAB_INET ? 32 : 128) < 0)
        pd_fail("too many local addresses");
}

/* Whatever address the script sends to is ours. */
static void
learn_local(struct object *o, const uint8_t *p, size_t len)
{
    struct estab_addr a = { 0 };

    if (len >= 20 && p[0] >> 4 == 4) {
        a.family = ESTAB_INET;
        memcpy(a.bytes, p + 16, 4);
    } else if (len >= 40 && p[0] >> 4 == 6) {
        a.family = ESTAB_INET6;
        memcpy(a.bytes, p + 24, 16);
    } else {
        return;
    }
    pd_add_local(o, &a);
}

int
pd_netdev_send(void *userdata, const void *data, size_t len)
{
    struct object *o = userdata;
    struct estab_frame f = { .data = (uint8_t *)(uintptr_t)data, .len = (uint32_t)len };

    pthread_mutex_lock(&o->lock);
    pd_hold(o);
    if (pd_settings_read(&o->set))
        pd_settings_apply(o);
    learn_local(o, data, len);
    estab_stack_input(o->stack, 1, &f, 1, o->now);
    estab_stack_tick(o->stack, o->now);
    pd_settle(o);
    pthread_mutex_unlock(&o->lock);
    return 0;
}

/* 0: a datagram, or none and *len = 0 when none can ever come; -1: call again. */
int
pd_netdev_receive(void *userdata, void *data, size_t *len, long long *usecs)
{
    struct object *o = userdata;
    struct packet *p;
    estab_time next;
    int result = 0;

    pthread_mutex_lock(&o->lock);
    if (o->first == NULL) {
        next = pd_next(o);
        if (next != ESTAB_NEVER)
            pd_advance(o, next, true);
        else
            pd_hold(o);
        if (o->first == NULL)
            result = next != ESTAB_NEVER ? -1 : 0;
    }
    p = o->first;
    if (p == NULL) {
        *len = result == 0 ? 0 : *len;
    } else {
        o->first = p->next;
        if (o->first == NULL)
            o->last = NULL;
        if (p->len > *len)
            pd_fail("a datagram of %u octets for a buffer of %zu", p->len, *len);
        memcpy(data, p->data, p->len);
        *len = p->len;
        *usecs = p->at / 1000;
        free(p);
    }
    pthread_mutex_unlock(&o->lock);
    return result;
}
