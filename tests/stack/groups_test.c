/* SPDX-License-Identifier: MIT */
/* Groups told to routers of older versions: RFC 3376 §7, RFC 2236, RFC 1112; RFC 3810 §8, RFC 2710. */
#include "segment.h"

#include "wire/checksum.h"
#include "wire/groups.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };
static const uint8_t router6[16] = { 0xfe, 0x80, [15] = 0x66 }, router4[4] = { 10, 0, 0, 254 };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 }, all_hosts[4] = { 224, 0, 0, 1 };

/* A host in two groups of each family, that has told of them. */
static void
member(struct segment *g)
{
    static const char *const groups[] = { "239.1.2.3", "239.1.2.4", "ff05::3", "ff05::4" };
    struct estab_addr a4 = addr_of("10.0.0.1"), a6 = addr_of("fe80::1");

    seg_init(g);
    seg_host(g, NULL);
    assert_int_equal(estab_stack_add_address(g->host[0], 1, &a4, 24), 0);
    assert_int_equal(estab_stack_add_address(g->host[0], 1, &a6, 64), 0);
    for (unsigned i = 0; i < 4; i++) {
        struct estab_addr a = addr_of(groups[i]);

        assert_int_equal(estab_stack_join_group(g->host[0], 1, &a, g->now), 0);
    }
    seg_run(g, ESTAB_SEC(10));
    seg_forget(g);
}

/* A query of IGMP: 8 octets with that code, or 12; of one group, or of all. */
static void
igmp_query(struct segment *g, uint8_t code, uint32_t len, const char *group)
{
    uint8_t packet[40] = { 0 }, mac[6];
    uint16_t sum;

    packet[20] = IGMP_QUERY;
    packet[21] = code;
    if (group != NULL)
        memcpy(packet + 24, addr_of(group).bytes, 4);
    sum = (uint16_t)~csum_fold(estab_csum_add(packet + 20, len, 0));
    memcpy(packet + 22, &sum, 2);
    (void)estab_ip_write(packet, 4, IP_PROTO_IGMP, 1, 0, router4, all_hosts, 0, len);
    estab_ether_group(mac, all_hosts, 4);
    seg_say_ip(g, stranger, mac, packet, 20 + len);
    seg_settle(g);
}

static void
mld_query(struct segment *g, uint16_t delay_ms, uint32_t len)
{
    uint8_t message[28] = { MLD_QUERY };

    put_be16(message + 4, delay_ms);
    seg_say_query6(g, stranger, router6, all_nodes, message, len, 0);
    seg_settle(g);
}

/* How many messages of that type the host has sent since the last look; nothing else may be there. */
static unsigned
told(struct segment *g, uint8_t type)
{
    const struct heard *f;
    unsigned n = 0;

    while ((f = seg_next(g, 0)) != NULL) {
        bool v4 = f->octets[12] == 8;

        if (!v4 && f->octets[14 + 6] != 0)
            continue; /* neighbour discovery */
        if (v4 && f->octets[13] != 0)
            continue;
        assert_int_equal(f->octets[14 + (v4 ? 24 : 48)], type);
        n++;
    }
    return n;
}

/* RFC 3376 §7.2.1: a query of IGMPv2 is answered with a report for each group, each after a delay of its own within
 * what the query allows; for 260 s longer it is IGMPv2 that is spoken, then IGMPv3 again. */
TEST(a_router_of_igmp_version_2_is_answered_in_its_words)
{
    struct segment g;
    struct estab_addr a = addr_of("239.1.2.4");

    member(&g);
    igmp_query(&g, 100, 8, NULL);
    assert_int_equal(told(&g, IGMP2_REPORT), 0);
    seg_run(&g, ESTAB_SEC(10));
    assert_int_equal(told(&g, IGMP2_REPORT), 2);
    igmp_query(&g, 10, 8, "239.1.2.3"); /* of one group */
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(told(&g, IGMP2_REPORT), 1);
    igmp_query(&g, 10, 8, "239.9.9.9"); /* of a group that is not ours */
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(told(&g, IGMP2_REPORT), 0);
    /* left, once; and joined anew, twice */
    assert_int_equal(estab_stack_leave_group(g.host[0], 1, &a, g.now), 0);
    seg_run(&g, ESTAB_SEC(20));
    assert_int_equal(told(&g, IGMP2_LEAVE), 1);
    assert_int_equal(estab_stack_join_group(g.host[0], 1, &a, g.now), 0);
    seg_run(&g, ESTAB_SEC(20));
    assert_int_equal(told(&g, IGMP2_REPORT), 2);
    /* a query of version 3 does not end it */
    igmp_query(&g, 10, 12, NULL);
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(told(&g, IGMP2_REPORT), 2);
    seg_run(&g, ESTAB_SEC(260));
    igmp_query(&g, 10, 12, NULL);
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(told(&g, IGMP_REPORT), 1);
    seg_end(&g);
}

/* RFC 3376 §7.2.1: of IGMPv1, which has no word for the end of a membership and means ten seconds. */
TEST(a_router_of_igmp_version_1_is_answered_in_its_words)
{
    struct segment g;
    struct estab_addr a = addr_of("239.1.2.4");

    member(&g);
    igmp_query(&g, 0, 8, NULL);
    igmp_query(&g, 10, 8, NULL); /* the older of two counts */
    seg_run(&g, ESTAB_SEC(10));
    assert_int_equal(told(&g, IGMP1_REPORT), 2);
    assert_int_equal(estab_stack_leave_group(g.host[0], 1, &a, g.now), 0);
    seg_run(&g, ESTAB_SEC(20));
    assert_int_equal(told(&g, 0), 0);
    seg_run(&g, ESTAB_SEC(240));
    igmp_query(&g, 10, 8, NULL);
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(told(&g, IGMP2_REPORT), 1);
    seg_end(&g);
}

/* RFC 3810 §8.2.1, RFC 2710 §4: two groups, and those of the address and of all nodes it does not tell. */
TEST(a_router_of_mld_version_1_is_answered_in_its_words)
{
    struct segment g;
    struct estab_addr a = addr_of("ff05::4");

    member(&g);
    mld_query(&g, 5000, 24);
    seg_run(&g, ESTAB_SEC(5));
    assert_int_equal(told(&g, MLD1_REPORT), 3);
    assert_int_equal(estab_stack_leave_group(g.host[0], 1, &a, g.now), 0);
    seg_run(&g, ESTAB_SEC(20));
    assert_int_equal(told(&g, MLD1_DONE), 1);
    igmp_query(&g, 10, 12, NULL); /* the other family is another matter */
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(told(&g, IGMP_REPORT), 1);
    seg_run(&g, ESTAB_SEC(260));
    mld_query(&g, 1000, 28);
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(told(&g, MLD_REPORT), 1);
    seg_end(&g);
}

/* An answer that was due in the words of version 3 is not given to a router of version 2, which gets its own; a flood
 * of queries is answered once a delay. */
/* RFC 3810 §6.2: a query without the router alert of MLD is none; one of version 1 would have the host speak an old
 * version for minutes. */
TEST(a_query_of_mld_without_its_router_alert_is_dropped)
{
    static const uint8_t message[28] = { MLD_QUERY };
    struct segment g;

    member(&g);
    for (uint32_t len = 24; len <= 28; len += 4) {
        uint8_t copy[28];

        memcpy(copy, message, sizeof(copy));
        seg_say_icmp6(&g, stranger, router6, all_nodes, copy, len, 1);
        seg_say_query6(&g, stranger, router6, all_nodes, message, len, 1); /* that of RSVP */
        seg_run(&g, ESTAB_SEC(1));
    }
    assert_int_equal(seg_status(&g, 0).verdicts[ESTAB_SEG_DROP_GROUP], 4);
    assert_int_equal(seg_status(&g, 0).verdicts[ESTAB_SEG_ACCEPTED_GROUP_QUERY], 0);
    assert_null(seg_next(&g, 0));
    seg_say_query6(&g, stranger, router6, all_nodes, message, 28, 0);
    assert_int_equal(seg_status(&g, 0).verdicts[ESTAB_SEG_ACCEPTED_GROUP_QUERY], 1);
    seg_end(&g);
}

TEST(a_flood_of_queries_of_all_versions_is_answered_a_few_times)
{
    struct segment g;
    unsigned n = 0;

    member(&g);
    igmp_query(&g, 100, 12, NULL);
    igmp_query(&g, 100, 8, NULL);
    seg_run(&g, ESTAB_SEC(11));
    assert_int_equal(told(&g, IGMP2_REPORT), 2);
    for (unsigned i = 0; i < 10000; i++) {
        seg_forget(&g);
        igmp_query(&g, (uint8_t)(100 + i % 2), i % 3 == 0 ? 12 : 8,
                   i % 5 == 0 ? "239.1.2.3" : NULL);
        seg_run(&g, ESTAB_MS(10));
        n += told(&g, IGMP2_REPORT);
    }
    /* a hundred seconds, and ten for each answer at most */
    assert_in_range(n, 2 * 9, 2 * 50);
    seg_end(&g);
}
