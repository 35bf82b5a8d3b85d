/* SPDX-License-Identifier: MIT */
/*
 * Which multicast groups an interface listens to, told with MLDv2 (RFC 3810 §6) and IGMPv3 (RFC
 * 3376 §5): two reports of each change, and an answer to each query after a random while. While a
 * router is heard that speaks an older version, that is spoken (RFC 3376 §7, RFC 3810 §8). Called
 * from addresses.c (solicited-node groups), icmp_input.c and for the user.
 */
#include "stack/link.h"

#include <string.h>

#define AT_ONCE 10 /* groups in one report */
/* RFC 3376 §8.12, RFC 3810 §9.12: the robustness variable times the query interval, of which old
 * queries say nothing, and the time for an answer on top */
#define OLD_QUERIER_PRESENT ESTAB_SEC(2 * 125)

/* RFC 3810 §6, RFC 3376 §5: everybody is in it, nobody reports it. */
static bool
is_all_hosts(const uint8_t *g, unsigned addr_len)
{
    static const uint8_t all6[16] = { 0xff, 2, [15] = 1 }, all4[4] = { 224, 0, 0, 1 };

    return memcmp(g, addr_len == 16 ? all6 : all4, addr_len) == 0;
}

static struct member *
find(const struct ethernet *e, const uint8_t *g, unsigned addr_len)
{
    uint32_t i;

    for (i = 0; i < e->groups; i++)
        if (e->member[i].addr_len == addr_len && memcmp(e->member[i].group, g, addr_len) == 0)
            return (struct member *)(uintptr_t)&e->member[i];
    return NULL;
}

bool
estab_group_is_member(const struct ethernet *e, const uint8_t *g, unsigned addr_len)
{
    const struct member *m = find(e, g, addr_len);

    return is_all_hosts(g, addr_len) || (m != NULL && m->users > 0);
}

int
estab_group_join(struct estab_stack *s, unsigned ifindex, const uint8_t *g, unsigned addr_len,
                 estab_time now)
{
    struct ethernet *e = s->interface[ifindex].eth;
    struct member *m = find(e, g, addr_len);

    if (is_all_hosts(g, addr_len))
        return 0;
    if (m == NULL) {
        /* limit: groups of an interface */
        if (e->groups == LINK_GROUPS_MAX)
            return -ESTAB_ENOBUFS;
        m = &e->member[e->groups++];
        *m = (struct member){ .addr_len = (uint8_t)addr_len, .answer_at = ESTAB_NEVER };
        memcpy(m->group, g, addr_len);
    }
    if (m->users == UINT16_MAX)
        return -ESTAB_ENOBUFS;
    if (m->users++ == 0) {
        m->sends = 2; /* the robustness variable */
        m->send_at = now;
    }
    return 0;
}

void
estab_group_leave(struct estab_stack *s, unsigned ifindex, const uint8_t *g, unsigned addr_len,
                  estab_time now)
{
    struct member *m = find(s->interface[ifindex].eth, g, addr_len);

    if (m == NULL || m->users == 0 || --m->users > 0)
        return;
    m->sends = 2;
    m->send_at = now;
}

/* RFC 3376 §7.2.1, RFC 3810 §8.2.1: the oldest version that was heard of. 0: today's. */
static uint8_t
old_version(const struct ethernet *e, unsigned addr_len, estab_time now)
{
    if (addr_len == 16)
        return now < e->old_until[OLD_MLD1] ? 1 : 0;
    return now < e->old_until[OLD_IGMP1] ? 1 : now < e->old_until[OLD_IGMP2] ? 2 : 0;
}

/* A router of an older version is there. When that changes what we speak, answers to others are due
 * no more; what has changed is told as it was to be, in the words of now. */
static void
hear_old(struct ethernet *e, unsigned addr_len, const struct group_query *q, estab_time now)
{
    uint8_t before = old_version(e, addr_len, now);
    uint32_t i;

    e->old_until[addr_len == 16    ? OLD_MLD1
                 : q->version == 1 ? OLD_IGMP1
                                   : OLD_IGMP2] =
        now + OLD_QUERIER_PRESENT + ESTAB_MS((estab_time)q->max_delay_ms);
    if (old_version(e, addr_len, now) == before)
        return;
    e->report_at[addr_len == 16] = ESTAB_NEVER;
    for (i = 0; i < e->groups; i++)
        if (e->member[i].addr_len == addr_len)
            e->member[i].answer_at = ESTAB_NEVER;
}

/* RFC 2236 §3, RFC 2710 §4: each group has a delay of its own, so that not all answers come at
 * once; one that runs already is drawn anew only when it is longer than is allowed now. */
static void
answer_old(struct estab_stack *s, struct ethernet *e, unsigned addr_len,
           const struct group_query *q, estab_time now)
{
    estab_time most = ESTAB_MS((estab_time)q->max_delay_ms);
    uint32_t i;

    for (i = 0; i < e->groups; i++) {
        struct member *m = &e->member[i];

        if (m->addr_len != addr_len || m->users == 0 ||
            (q->group != NULL && memcmp(q->group, m->group, addr_len) != 0))
            continue;
        if (m->answer_at > now + most)
            m->answer_at = now + estab_link_delay(s, most);
    }
}

enum seg_verdict
estab_group_input(struct estab_stack *s, const struct ip_header *ip, unsigned ifindex,
                  estab_time now)
{
    struct ethernet *e = s->interface[ifindex].eth;
    struct group_query q;
    estab_time at;

    if (!estab_group_query_parse(&q, ip))
        return SEG_DROP_GROUP;
    if (q.group != NULL && !estab_group_is_member(e, q.group, ip->addr_len))
        return SEG_DROP_GROUP;
    if (q.version < (ip->version == 6 ? 2 : 3))
        hear_old(e, ip->addr_len, &q, now);
    if (old_version(e, ip->addr_len, now) != 0) {
        answer_old(s, e, ip->addr_len, &q, now);
        return SEG_ACCEPTED_GROUP_QUERY;
    }
    /* one answer for all groups, as early as the earliest query asks for */
    at = now + estab_link_delay(s, ESTAB_MS((estab_time)q.max_delay_ms));
    if (at < e->report_at[ip->version == 6])
        e->report_at[ip->version == 6] = at;
    return SEG_ACCEPTED_GROUP_QUERY;
}

/* RFC 3810 §5.2.13: from a link-local address, or from none while there is none. RFC 3376 §4.2.13. */
static const uint8_t *
source_of_reports(const struct estab_stack *s, unsigned ifindex, unsigned addr_len)
{
    static const uint8_t link6[16] = { 0xff, 2, [15] = 0x16 }, link4[4] = { 224, 0, 0, 22 },
                         none[16];
    const uint8_t *src =
        estab_ip_source(&s->routes, addr_len == 16 ? link6 : link4, addr_len, ifindex);

    return src == NULL || (addr_len == 16 && !estab_ip_is_link_local(src, 16)) ? none : src;
}

/* In the words of an older version; the end of a membership has none in IGMPv1. */
static void
report_old(struct estab_stack *s, unsigned ifindex, const struct member *m, uint8_t version)
{
    const uint8_t *src = source_of_reports(s, ifindex, m->addr_len);
    uint8_t packet[72], type;

    if (m->addr_len == 16)
        type = m->users > 0 ? MLD1_REPORT : MLD1_DONE;
    else if (version == 1 && m->users == 0)
        return;
    else
        type = m->users == 0 ? IGMP2_LEAVE : version == 1 ? IGMP1_REPORT : IGMP2_REPORT;
    (void)estab_reply_packet(s, ifindex, packet,
                             estab_group_old_report(packet, m->addr_len, src, type, m->group),
                             WHY_GROUP_REPORT, TCPS_CLOSED);
}

static void
report(struct estab_stack *s, unsigned ifindex, unsigned addr_len, enum group_record kind,
       const uint8_t *groups, uint32_t n)
{
    const uint8_t *src = source_of_reports(s, ifindex, addr_len);
    uint8_t packet[76 + AT_ONCE * 20];
    uint32_t len;

    len = estab_group_report(packet, addr_len, src, kind, groups, n);
    (void)estab_reply_packet(s, ifindex, packet, len, WHY_GROUP_REPORT, TCPS_CLOSED);
}

static void
report_all(struct estab_stack *s, unsigned ifindex, unsigned addr_len)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    uint8_t groups[AT_ONCE * 16];
    uint32_t i, n = 0;

    for (i = 0; i < e->groups; i++) {
        if (e->member[i].addr_len != addr_len || e->member[i].users == 0)
            continue;
        memcpy(groups + n * addr_len, e->member[i].group, addr_len);
        if (++n == AT_ONCE) {
            report(s, ifindex, addr_len, GROUP_IS_EXCLUDE, groups, n);
            n = 0;
        }
    }
    if (n > 0)
        report(s, ifindex, addr_len, GROUP_IS_EXCLUDE, groups, n);
}

/* What has changed is told, or told again. */
static void
report_change(struct estab_stack *s, unsigned ifindex, struct member *m, uint8_t version,
              estab_time now)
{
    m->sends--;
    if (version != 0) {
        report_old(s, ifindex, m, version);
        if (m->users == 0)
            m->sends = 0; /* RFC 2236 §3, RFC 2710 §4: one is all */
        m->answer_at = ESTAB_NEVER;
    } else {
        report(s, ifindex, m->addr_len, m->users > 0 ? GROUP_TO_EXCLUDE : GROUP_TO_INCLUDE,
               m->group, 1);
    }
    /* RFC 3810 §9.11, RFC 3376 §8.11: within a second; RFC 2236 §8.10, RFC 2710 §7.10: ten */
    m->send_at = now + ESTAB_MS(1) + estab_link_delay(s, ESTAB_SEC(version != 0 ? 10 : 1));
}

void
estab_groups_tick(struct estab_stack *s, unsigned ifindex, estab_time now)
{
    struct ethernet *e = s->interface[ifindex].eth;
    uint32_t i, f;

    for (i = 0; i < e->groups;) {
        struct member *m = &e->member[i];
        uint8_t version = old_version(e, m->addr_len, now);

        if (m->sends > 0 && m->send_at <= now)
            report_change(s, ifindex, m, version, now);
        if (m->answer_at <= now) {
            m->answer_at = ESTAB_NEVER;
            if (version != 0 && m->users > 0)
                report_old(s, ifindex, m, version);
        }
        if (m->sends == 0 && m->users == 0)
            *m = e->member[--e->groups];
        else
            i++;
    }
    for (f = 0; f < 2; f++) {
        if (e->report_at[f] > now)
            continue;
        e->report_at[f] = ESTAB_NEVER;
        report_all(s, ifindex, f == 1 ? 16 : 4);
    }
}

estab_time
estab_groups_deadline(const struct ethernet *e)
{
    estab_time at = e->report_at[0] < e->report_at[1] ? e->report_at[0] : e->report_at[1];
    uint32_t i;

    for (i = 0; i < e->groups; i++) {
        if (e->member[i].sends > 0 && e->member[i].send_at < at)
            at = e->member[i].send_at;
        if (e->member[i].answer_at < at)
            at = e->member[i].answer_at;
    }
    return at;
}
