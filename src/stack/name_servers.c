/* SPDX-License-Identifier: MIT */
/*
 * Name servers and search domains that routers advertise (RFC 8106 §5.3, §6): two short lists of each
 * Ethernet, for whoever resolves names. Called from addresses.c and for the user.
 */
#include "stack/link.h"

#include <string.h>

static estab_time
until(uint32_t seconds, estab_time now)
{
    return seconds == UINT32_MAX ? ESTAB_NEVER : now + ESTAB_SEC((estab_time)seconds);
}

static void
remove_at(struct dns_list *l, uint32_t i)
{
    l->n--;
    memmove(&l->at[i], &l->at[i + 1], (l->n - i) * sizeof(l->at[0]));
}

/* RFC 8106 §6.2: what is there lives as long as is said now, and 0 ends it; what is new goes to the
 * place `to`, in front of what was heard before. True: it was new. */
static bool
put(struct dns_list *l, const struct dns_entry *e, uint32_t to, estab_time now)
{
    uint32_t i, first = 0;

    for (i = 0; i < l->n && memcmp(l->at[i].octets, e->octets, sizeof(e->octets)) != 0; i++)
        if (l->at[i].until < l->at[first].until)
            first = i;
    if (i < l->n && e->until > now)
        l->at[i].until = e->until;
    else if (i < l->n)
        remove_at(l, i);
    if (i < l->n || e->until <= now)
        return false;
    /* limit: where the list is full, what would end first makes room (RFC 8106 §6.2 (d)) */
    if (l->n == DNS_LIST_MAX)
        remove_at(l, first);
    if (to > l->n)
        to = l->n;
    memmove(&l->at[to + 1], &l->at[to], (l->n - to) * sizeof(l->at[0]));
    l->at[to] = *e;
    l->n++;
    return true;
}

void
estab_name_servers_heard(struct ethernet *e, const struct nd_message *ra, estab_time now)
{
    uint32_t i, at, servers = 0, domains = 0;

    for (i = 0; i < ra->n_rdnss; i++) {
        const struct nd_dns *o = &ra->rdnss[i];

        for (at = 0; at < o->len; at += 16) {
            struct dns_entry server = { .until = until(o->lifetime, now) };

            memcpy(server.octets, o->data + at, 16);
            /* RFC 8106 §5.3.1: of one host, and not of ours alone */
            if (!estab_ip_is_multicast(server.octets, 16) &&
                !estab_ip_is_unspecified(server.octets, 16) &&
                !estab_ip_is_loopback(server.octets, 16))
                servers += put(&e->servers, &server, servers, now);
        }
    }
    for (i = 0; i < ra->n_dnssl; i++) {
        struct dns_entry domain = { .until = until(ra->dnssl[i].lifetime, now) };
        char text[ND_DOMAIN_TEXT];

        for (at = 0; estab_nd_next_domain(&ra->dnssl[i], &at, text);) {
            memset(domain.octets, 0, sizeof(domain.octets));
            memcpy(domain.octets, text, strlen(text));
            domains += put(&e->domains, &domain, domains, now);
        }
    }
}

static void
expire(struct dns_list *l, estab_time now)
{
    for (uint32_t i = 0; i < l->n;)
        if (l->at[i].until <= now)
            remove_at(l, i);
        else
            i++;
}

void
estab_name_servers_tick(struct ethernet *e, estab_time now)
{
    expire(&e->servers, now);
    expire(&e->domains, now);
}

static estab_time
earliest(const struct dns_list *l)
{
    estab_time at = ESTAB_NEVER;

    for (uint32_t i = 0; i < l->n; i++)
        at = l->at[i].until < at ? l->at[i].until : at;
    return at;
}

estab_time
estab_name_servers_deadline(const struct ethernet *e)
{
    estab_time a = earliest(&e->servers), b = earliest(&e->domains);

    return a < b ? a : b;
}

/* ---- the user's calls ---- */

/* The cursor counts the entries of all interfaces. */
static const struct dns_entry *
next(const struct estab_stack *s, uint64_t *cursor, bool domains, unsigned *ifindex)
{
    uint64_t left = *cursor;

    for (unsigned i = 1; i < s->interfaces; i++) {
        const struct ethernet *e = s->interface[i].eth;
        const struct dns_list *l = e == NULL ? NULL : domains ? &e->domains : &e->servers;

        if (l != NULL && left < l->n) {
            (*cursor)++;
            *ifindex = i;
            return &l->at[left];
        }
        left -= l != NULL ? l->n : 0;
    }
    return NULL;
}

bool
estab_stack_next_name_server(const struct estab_stack *s, uint64_t *cursor,
                             struct estab_name_server_info *out)
{
    const struct dns_entry *e = next(s, cursor, false, &out->ifindex);

    if (e == NULL)
        return false;
    out->addr = (struct estab_addr){ .family = ESTAB_INET6 };
    memcpy(out->addr.bytes, e->octets, 16);
    /* RFC 8106 §5.1: a link-local server is asked on the link that named it */
    if (estab_ip_is_link_local(e->octets, 16))
        out->addr.zone = out->ifindex;
    out->valid_until = e->until;
    return true;
}

bool
estab_stack_next_search_domain(const struct estab_stack *s, uint64_t *cursor,
                               struct estab_search_domain_info *out)
{
    const struct dns_entry *e = next(s, cursor, true, &out->ifindex);

    if (e == NULL)
        return false;
    memcpy(out->text, e->octets, sizeof(out->text));
    out->valid_until = e->until;
    return true;
}
