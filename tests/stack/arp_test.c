/* SPDX-License-Identifier: MIT */
/* IPv4 on Ethernet: ARP, and what waits for it. */
#include "segment.h"

#include "wire/checksum.h"
#include "wire/tcp_header.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };
static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };

static void
given(struct segment *g, unsigned host, const char *addr)
{
    struct estab_addr a = addr_of(addr);

    assert_int_equal(estab_stack_add_address(g->host[host], 1, &a, 24), 0);
}

/* Two hosts that have announced themselves. */
static void
two_hosts(struct segment *g)
{
    seg_init(g);
    given(g, seg_host(g, NULL), "10.0.0.1");
    given(g, seg_host(g, NULL), "10.0.0.2");
    seg_run(g, ESTAB_SEC(5));
    seg_forget(g);
}

static estab_conn
dial(struct segment *g, unsigned host, const char *addr)
{
    struct estab_endpoint to = { .addr = addr_of(addr), .port = 80 };
    estab_conn c;

    assert_int_equal(estab_connect(g->host[host], NULL, &to, NULL, &c, g->now), 0);
    return c;
}

static estab_conn
listener(struct segment *g, unsigned host)
{
    struct estab_endpoint at = { .port = 80 };
    estab_conn l;

    assert_int_equal(estab_listen(g->host[host], &at, 16, NULL, &l, g->now), 0);
    return l;
}

static uint8_t
state_of(struct segment *g, unsigned host, estab_conn c)
{
    struct estab_status st;

    assert_int_equal(estab_status(g->host[host], c, &st), 0);
    return st.state;
}

static struct arp_packet
says(const uint8_t sha[6], const char *spa, const char *tpa, uint16_t op)
{
    struct arp_packet a = { .op = op };
    struct estab_addr s = addr_of(spa), t = addr_of(tpa);

    memcpy(a.sha, sha, 6);
    memcpy(a.spa, s.bytes, 4);
    memcpy(a.tpa, t.bytes, 4);
    return a;
}

static uint64_t
verdicts(struct segment *g, enum estab_verdict v)
{
    return seg_status(g, 0).verdicts[v];
}

/* RFC 826, RFC 9293 §3.5: nothing of TCP is built before the next hop is known. */
TEST(a_connection_asks_for_the_next_hop_first_and_builds_nothing)
{
    struct segment g;
    struct arp_packet a;
    const struct heard *f;

    two_hosts(&g);
    (void)listener(&g, 1);
    estab_conn c = dial(&g, 0, "10.0.0.2");
    seg_settle(&g);

    f = seg_next(&g, 0);
    assert_non_null(as_arp(f, &a));
    assert_int_equal(a.op, ARP_REQUEST);
    assert_memory_equal(f->octets, all, 6);
    assert_int_equal(get_be32(a.spa), 0x0a000001);
    assert_int_equal(get_be32(a.tpa), 0x0a000002);
    f = &g.heard[1];
    assert_int_equal(f->from, 1);
    assert_non_null(as_arp(f, &a));
    assert_int_equal(a.op, ARP_REPLY);
    assert_int_equal(f->octets[0], 2);        /* to the one who asked, alone */
    assert_null(as_arp(seg_next(&g, 0), &a)); /* the SYN */
    assert_int_equal(state_of(&g, 0, c), ESTAB_TCPS_ESTABLISHED);
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.2"), ESTAB_NEIGHBOUR_REACHABLE);
    seg_end(&g);
}

TEST(a_stream_goes_whole_over_ethernet_and_every_octet_of_memory_returns)
{
    struct segment g;
    uint8_t out[8192], in[8192];
    size_t sent = 0, got = 0;
    estab_conn l, c, s = 0;

    two_hosts(&g);
    l = listener(&g, 1);
    c = dial(&g, 0, "10.0.0.2");
    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7 + i / 251);
    for (unsigned i = 0; i < 2000 && got < 100 * sizeof(out); i++) {
        ptrdiff_t n = sent < 100 * sizeof(out) ? estab_send(g.host[0], c, out + sent % sizeof(out),
                                                            sizeof(out) - sent % sizeof(out), g.now)
                                               : 0;

        sent += n > 0 ? (size_t)n : 0;
        seg_run(&g, ESTAB_MS(10));
        seg_forget(&g);
        if (s == 0 && estab_accept(g.host[1], l, &s, g.now) < 0)
            continue;
        while ((n = estab_receive(g.host[1], s, in, sizeof(out) - got % sizeof(out), g.now)) > 0) {
            assert_memory_equal(in, out + got % sizeof(out), (size_t)n);
            got += (size_t)n;
        }
    }
    assert_int_equal(got, 100 * sizeof(out));
    seg_end(&g);
}

/* RFC1122-2.3.2.1: RFC 1122 §2.3.2.1: not more than once a second; RFC 4861 §7.2.2: three times. */
TEST(who_does_not_exist_is_asked_for_three_times_a_second_apart_and_tcp_is_told)
{
    struct segment g;
    struct estab_status st;
    struct arp_packet a;
    estab_time first;

    two_hosts(&g);
    estab_conn c = dial(&g, 0, "10.0.0.9");
    first = g.now;
    seg_run(&g, ESTAB_SEC(3) + ESTAB_MS(500));
    for (unsigned i = 0; i < 3; i++) {
        const struct heard *f = seg_next(&g, 0);

        assert_non_null(as_arp(f, &a));
        assert_true(f->at == first + ESTAB_SEC(i));
    }
    assert_null(seg_next(&g, 0));
    assert_int_equal(estab_status(g.host[0], c, &st), 0);
    assert_int_equal(st.state, ESTAB_TCPS_SYN_SENT);
    assert_int_equal(st.soft_error, -ESTAB_EHOSTUNREACH);
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.9"), ESTAB_NEIGHBOUR_FAILED);
    /* TCP goes on by its own timers; each SYN asks anew, and R2 ends it */
    seg_run(&g, ESTAB_SEC(200));
    assert_int_equal(estab_status(g.host[0], c, &st), 0);
    assert_int_equal(st.state, ESTAB_TCPS_CLOSED);
    for (size_t i = 1, n = 0; i < g.n_heard; i++) {
        assert_non_null(as_arp(&g.heard[i], &a));
        n = g.heard[i].at - g.heard[i - 1].at >= ESTAB_SEC(1) ? n + 1 : 0;
        assert_true(n > 0);
    }
    seg_end(&g);
}

TEST(one_who_appears_late_gets_the_parked_connection)
{
    struct segment g;

    two_hosts(&g);
    estab_conn c = dial(&g, 0, "10.0.0.3");
    seg_run(&g, ESTAB_MS(1500));
    given(&g, seg_host(&g, NULL), "10.0.0.3");
    (void)listener(&g, 2);
    seg_run(&g, ESTAB_MS(600)); /* asked for again at 2 s */
    assert_int_equal(state_of(&g, 0, c), ESTAB_TCPS_ESTABLISHED);
    seg_end(&g);
}

/* RFC826-5227: RFC 5227 §3; RFC 1122 §2.3.2.1. vuln: ARP cache exhaustion and poisoning */
TEST(what_nobody_asked_for_makes_no_entry_and_a_flood_of_strangers_takes_no_memory)
{
    struct segment g;
    uint8_t mac[6] = { 2, 1 };

    two_hosts(&g);
    for (uint32_t i = 0; i < 200000; i++) {
        struct arp_packet a = says(mac, "10.0.0.1", "10.0.0.1", i & 1 ? ARP_REPLY : ARP_REQUEST);

        put_be32(a.spa, 0x0a000100 + i);
        put_be32(mac + 2, i);
        memcpy(a.sha, mac, 6);
        g.n_heard = 0;
        seg_say_arp(&g, mac, all, &a);
        if (i % 64 == 0)
            seg_settle(&g);
    }
    assert_int_equal(seg_status(&g, 0).neighbours, 0);
    seg_end(&g);
}

/* vuln: ARP cache exhaustion and poisoning */
TEST(an_entry_is_not_overwritten_by_who_was_not_asked_while_its_owner_answers)
{
    struct segment g;
    struct estab_neighbour_info n;
    struct arp_packet lie = says(stranger, "10.0.0.2", "10.0.0.1", ARP_REPLY);
    uint8_t right[6], us[6];

    two_hosts(&g);
    seg_mac(right, 1);
    seg_mac(us, 0);
    (void)listener(&g, 1);
    estab_conn c = dial(&g, 0, "10.0.0.2");
    seg_settle(&g);
    for (unsigned i = 0; i < 20; i++) { /* replies, requests, announcements: alone and to all */
        lie.op = i & 1 ? ARP_REPLY : ARP_REQUEST;
        seg_say_arp(&g, stranger, i & 2 ? all : us, &lie);
        seg_run(&g, ESTAB_MS(200));
        assert_true(seg_neighbour(&g, 0, "10.0.0.2", &n));
        assert_memory_equal(n.mac, right, 6);
    }
    seg_run(&g, ESTAB_SEC(2));
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.2"), ESTAB_NEIGHBOUR_REACHABLE);
    assert_int_equal(state_of(&g, 0, c), ESTAB_TCPS_ESTABLISHED);
    assert_true(verdicts(&g, ESTAB_SEG_DROP_ARP_UNASKED) >= 10);
    seg_end(&g);
}

/* RFC 4861 §7.3.3: the old hardware address is silent, so everybody is asked, and the new answers. */
TEST(a_neighbour_that_has_really_moved_is_found_again)
{
    struct segment g;
    struct estab_neighbour_info n;
    struct arp_packet hello = says(stranger, "10.0.0.2", "10.0.0.2", ARP_REQUEST),
                      yes = says(stranger, "10.0.0.2", "10.0.0.1", ARP_REPLY);
    uint8_t us[6];

    two_hosts(&g);
    seg_mac(us, 0);
    (void)listener(&g, 1);
    estab_conn c = dial(&g, 0, "10.0.0.2");
    seg_settle(&g);
    estab_stack_free(g.host[1]);
    g.host[1] = NULL;
    seg_say_arp(&g, stranger, all, &hello);
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.2"), ESTAB_NEIGHBOUR_PROBE);
    seg_run(&g, ESTAB_SEC(4));
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.2"), 0);
    assert_int_equal(estab_send(g.host[0], c, "x", 1, g.now), 1);
    seg_settle(&g);
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.2"), ESTAB_NEIGHBOUR_INCOMPLETE);
    seg_say_arp(&g, stranger, us, &yes);
    assert_true(seg_neighbour(&g, 0, "10.0.0.2", &n));
    assert_memory_equal(n.mac, stranger, 6);
    seg_end(&g);
}

/* RFC 1812 §3.3.2: a group, nobody and ourselves are no hardware address of a neighbour. */
TEST(a_reply_with_a_group_or_our_own_hardware_address_is_refused)
{
    uint8_t us[6];
    static const uint8_t zero[6];

    seg_mac(us, 0);
    for (unsigned i = 0; i < 3; i++) {
        struct segment g;
        const uint8_t *mac = i == 0 ? all : i == 1 ? zero : us;
        struct arp_packet a = says(mac, "10.0.0.9", "10.0.0.1", ARP_REPLY);

        two_hosts(&g);
        (void)dial(&g, 0, "10.0.0.9");
        seg_settle(&g);
        seg_say_arp(&g, stranger, us, &a); /* in a frame from an honest address */
        assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_LINK_SOURCE), 1);
        assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.9"), ESTAB_NEIGHBOUR_INCOMPLETE);
        seg_end(&g);
    }
}

/* RFC 5227 §1.1, §2.1: three probes without a sender's address, then two announcements. */
TEST(an_assigned_address_is_probed_for_before_anybody_can_use_it)
{
    struct segment g;
    struct estab_addr want = addr_of("10.0.0.7");
    struct arp_packet a;
    estab_time last = 0;

    seg_init(&g);
    seg_host(&g, NULL);
    assert_int_equal(estab_stack_assign_address(g.host[0], 1, &want, 24, g.now), 0);
    seg_settle(&g);
    assert_false(estab_stack_is_local(g.host[0], &want));
    seg_run(&g, ESTAB_SEC(10));
    assert_true(estab_stack_is_local(g.host[0], &want));
    for (unsigned i = 0; i < 5; i++) {
        const struct heard *f = seg_next(&g, 0);

        assert_non_null(as_arp(f, &a));
        assert_int_equal(a.op, ARP_REQUEST);
        assert_int_equal(get_be32(a.spa), i < 3 ? 0 : 0x0a000007);
        assert_int_equal(get_be32(a.tpa), 0x0a000007);
        if (i > 0)
            assert_true(f->at - last >= ESTAB_SEC(i < 3 ? 1 : 2) && f->at - last <= ESTAB_SEC(2));
        last = f->at;
    }
    assert_null(seg_next(&g, 0));
    seg_end(&g);
}

static void
in_haste(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->arp_probe_time = ESTAB_MS(200);
}

/* `arp_probe_time`: the same probes, nearer to each other, where the user wants that. */
TEST(a_host_in_haste_probes_as_often_but_faster)
{
    struct segment g;
    struct estab_addr want = addr_of("10.0.0.7"), taken = addr_of("10.0.0.8");
    struct arp_packet a;
    estab_time start, last = 0;
    unsigned probes = 0;

    seg_init(&g);
    seg_host(&g, in_haste);
    seg_host(&g, NULL);
    assert_int_equal(estab_stack_add_address(g.host[1], 1, &taken, 24), 0);
    seg_run(&g, ESTAB_SEC(5));
    seg_forget(&g);
    start = g.now;
    assert_int_equal(estab_stack_assign_address(g.host[0], 1, &want, 24, g.now), 0);
    assert_int_equal(estab_stack_assign_address(g.host[0], 1, &taken, 24, g.now), 0);
    while (!estab_stack_is_local(g.host[0], &want))
        seg_run(&g, ESTAB_MS(1));
    assert_true(g.now - start >= ESTAB_MS(800) && g.now - start <= ESTAB_MS(1401));
    assert_false(estab_stack_is_local(g.host[0], &taken));
    for (const struct heard *f; (f = seg_next(&g, 0)) != NULL;) {
        if (as_arp(f, &a) == NULL || get_be32(a.tpa) != 0x0a000007 || get_be32(a.spa) != 0)
            continue;
        assert_true(++probes == 1 ||
                    (f->at - last >= ESTAB_MS(200) && f->at - last <= ESTAB_MS(400)));
        last = f->at;
    }
    assert_int_equal(probes, 3);
    seg_end(&g);
}

/* RFC 2132 §5.1, RFC 8200 §5: what a DHCP server says of the link's MTU. */
TEST(the_mtu_of_a_link_can_be_lowered_but_not_below_what_ipv6_needs)
{
    struct segment g;
    struct estab_addr six = addr_of("2001:db8::1");
    struct estab_status st;
    static const uint8_t text[1400];
    const struct heard *f;
    estab_conn before, after;

    two_hosts(&g);
    (void)listener(&g, 1);
    before = dial(&g, 0, "10.0.0.2");
    seg_settle(&g);
    assert_int_equal(estab_stack_set_mtu(g.host[0], 1, 576), 0);
    after = dial(&g, 0, "10.0.0.2");
    seg_settle(&g);
    assert_int_equal(estab_status(g.host[0], before, &st), 0);
    assert_int_equal(st.mss, 1460 - 12);
    assert_int_equal(estab_status(g.host[0], after, &st), 0);
    assert_int_equal(st.mss, 536 - 12);
    /* a segment of the older one is still whole: frames have room for it */
    seg_forget(&g);
    assert_int_equal(estab_send(g.host[0], before, text, sizeof(text), g.now), sizeof(text));
    seg_settle(&g);
    f = seg_next(&g, 0);
    assert_true(f != NULL && f->len == 14 + 40 + 12 + sizeof(text));
    assert_int_equal(estab_stack_add_address(g.host[0], 1, &six, 64), -ESTAB_EMSGSIZE);
    assert_int_equal(estab_stack_set_mtu(g.host[0], 1, 67), -ESTAB_EINVAL);
    assert_int_equal(estab_stack_set_mtu(g.host[0], 1, 1501), -ESTAB_EINVAL);
    assert_int_equal(estab_stack_set_mtu(g.host[0], 2, 1500), -ESTAB_EINVAL);
    assert_int_equal(estab_stack_set_mtu(g.host[0], 1, 1500), 0);
    assert_int_equal(estab_stack_add_address(g.host[0], 1, &six, 64), 0);
    assert_int_equal(estab_stack_set_mtu(g.host[0], 1, 1279), -ESTAB_EMSGSIZE);
    assert_int_equal(estab_stack_set_mtu(g.host[0], 1, 1280), 0);
    seg_end(&g);
}

/* RFC 5227 §2.1.1. vuln: Duplicate-address denial */
TEST(an_address_that_somebody_has_is_never_used_and_the_user_can_see_why)
{
    struct segment g;
    struct estab_addr want = addr_of("10.0.0.2");
    struct estab_address_info info;
    uint64_t cursor = 0;

    two_hosts(&g);
    assert_int_equal(estab_stack_assign_address(g.host[0], 1, &want, 24, g.now), 0);
    seg_run(&g, ESTAB_SEC(10));
    assert_false(estab_stack_is_local(g.host[0], &want));
    assert_true(estab_stack_next_address(g.host[0], &cursor, &info));
    assert_true(estab_stack_next_address(g.host[0], &cursor, &info));
    assert_int_equal(info.state, ESTAB_ADDRESS_DUPLICATE);
    assert_true(estab_stack_is_local(g.host[1], &want));
    /* the one that had it has noticed nothing but a probe */
    assert_int_equal(seg_status(&g, 1).address_conflicts, 0);
    assert_true(seg_status(&g, 0).address_conflicts >= 1);
    seg_end(&g);
}

TEST(two_who_probe_for_the_same_address_both_see_the_other)
{
    struct segment g;
    struct estab_addr want = addr_of("10.0.0.7");

    seg_init(&g);
    for (unsigned h = 0; h < 2; h++) {
        seg_host(&g, NULL);
        assert_int_equal(estab_stack_assign_address(g.host[h], 1, &want, 24, g.now), 0);
    }
    seg_run(&g, ESTAB_SEC(12));
    assert_false(estab_stack_is_local(g.host[0], &want) && estab_stack_is_local(g.host[1], &want));
    seg_end(&g);
}

/* RFC 5227 §2.4 (c): at most one announcement in ten seconds, however loud the other is. */
TEST(an_address_of_ours_is_defended_with_a_limit_on_noise)
{
    struct segment g;
    struct arp_packet lie = says(stranger, "10.0.0.1", "10.0.0.1", ARP_REQUEST), a;
    unsigned announced = 0;

    two_hosts(&g);
    for (unsigned i = 0; i < 100; i++) {
        seg_say_arp(&g, stranger, all, &lie);
        seg_run(&g, ESTAB_MS(100));
    }
    for (const struct heard *f; (f = seg_next(&g, 0)) != NULL;)
        if (as_arp(f, &a) != NULL && get_be32(a.spa) == 0x0a000001 && get_be32(a.tpa) == 0x0a000001)
            announced++;
    assert_int_equal(announced, 1);
    assert_int_equal(seg_status(&g, 0).address_conflicts, 100);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ARP_CONFLICT), 100);
    assert_true(estab_stack_is_local(
        g.host[0], &(struct estab_addr){ .family = ESTAB_INET, .bytes = { 10, 0, 0, 1 } }));
    seg_end(&g);
}

/* RFC 826; RFC 1122 §2.3.2: an answer only to who asks for us, on the interface that has it. */
TEST(a_question_for_somebody_else_is_not_answered)
{
    struct segment g;
    struct arp_packet q = says(stranger, "10.0.0.5", "10.0.0.4", ARP_REQUEST), a;

    two_hosts(&g);
    seg_say_arp(&g, stranger, all, &q);
    seg_settle(&g);
    assert_null(seg_next(&g, 0));
    put_be32(q.tpa, 0x0a000001);
    seg_say_arp(&g, stranger, all, &q);
    seg_settle(&g);
    assert_non_null(as_arp(seg_next(&g, 0), &a));
    assert_int_equal(a.op, ARP_REPLY);
    assert_memory_equal(a.tha, stranger, 6);
    assert_int_equal(get_be32(a.tpa), 0x0a000005);
    seg_end(&g);
}

/* RFC1122-2.3.2.2: A host answers to an echo of a neighbour it has not met: the answer is kept until it is known. */
TEST(an_answer_waits_for_its_neighbour_and_then_goes)
{
    struct segment g;
    uint8_t packet[28 + 8], us[6], echo[8] = { 8 };
    static const uint8_t src[4] = { 10, 0, 0, 5 }, dst[4] = { 10, 0, 0, 1 };
    struct arp_packet yes = says(stranger, "10.0.0.5", "10.0.0.1", ARP_REPLY), a;
    const struct heard *f;

    two_hosts(&g);
    seg_mac(us, 0);
    (void)estab_icmp_write(packet + 20, 4, 8, 0, 0x12340001, echo, 8, src, dst);
    (void)estab_ip_write(packet, 4, IP_PROTO_ICMP, 64, 0, src, dst, 0, 16);
    seg_say_ip(&g, stranger, us, packet, 36);
    seg_settle(&g);
    assert_non_null(as_arp(seg_next(&g, 0), &a));
    assert_null(seg_next(&g, 0));
    seg_say_arp(&g, stranger, us, &yes);
    seg_settle(&g);
    f = seg_next(&g, 0);
    assert_non_null(f);
    assert_memory_equal(f->octets, stranger, 6);
    assert_int_equal(f->octets[14 + 20], 0); /* echo reply */
    /* vuln: Uninitialised or padding memory leak in frames (Etherleak) */
    assert_int_equal(f->len, 60);
    for (unsigned i = 14 + 36; i < 60; i++)
        assert_int_equal(f->octets[i], 0);
    seg_end(&g);
}

static void
few_unresolved(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->max_unresolved_neighbours = 8;
    cfg->icmp_per_second = 1000000;
}

/* RFC 6583 §6: what does not exist is limited apart, and pushes out nobody who does. */
TEST(answers_to_forged_neighbours_are_bounded_and_leave_real_ones_alone)
{
    struct segment g;
    uint8_t packet[36], us[6], echo[8] = { 8 };
    static const uint8_t dst[4] = { 10, 0, 0, 1 };
    estab_conn c;

    seg_init(&g);
    given(&g, seg_host(&g, few_unresolved), "10.0.0.1");
    given(&g, seg_host(&g, NULL), "10.0.0.2");
    (void)listener(&g, 1);
    seg_run(&g, ESTAB_SEC(5));
    c = dial(&g, 0, "10.0.0.2");
    seg_settle(&g);
    seg_mac(us, 0);
    for (unsigned i = 10; i < 250; i++) {
        uint8_t src[4] = { 10, 0, 0, (uint8_t)i };

        (void)estab_icmp_write(packet + 20, 4, 8, 0, 1, echo, 8, src, dst);
        (void)estab_ip_write(packet, 4, IP_PROTO_ICMP, 64, 0, src, dst, 0, 16);
        seg_say_ip(&g, stranger, us, packet, 36);
        seg_settle(&g);
        assert_true(seg_status(&g, 0).neighbours <= 9);
    }
    assert_true(seg_status(&g, 0).neighbours_evicted > 0);
    /* and one who is there still gets in: the oldest of those who are not makes room */
    given(&g, seg_host(&g, NULL), "10.0.0.3");
    (void)listener(&g, 0);
    {
        estab_conn in = dial(&g, 2, "10.0.0.1");

        seg_settle(&g);
        assert_int_equal(state_of(&g, 2, in), ESTAB_TCPS_ESTABLISHED);
    }
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.2"), ESTAB_NEIGHBOUR_REACHABLE);
    seg_run(&g, ESTAB_SEC(10));
    assert_int_equal(seg_status(&g, 0).neighbours, 2);
    assert_int_equal(state_of(&g, 0, c), ESTAB_TCPS_ESTABLISHED);
    seg_end(&g);
}

/* RFC 4861 §7.3.1: while TCP gets on, nobody asks; RFC 4861 §7.3.3: when it does not, one is asked. */
TEST(progress_of_tcp_keeps_a_neighbour_reachable_without_a_question)
{
    struct segment g;
    struct arp_packet a;
    unsigned asked = 0;
    estab_conn c;

    two_hosts(&g);
    (void)listener(&g, 1);
    c = dial(&g, 0, "10.0.0.2");
    seg_settle(&g);
    seg_forget(&g);
    for (unsigned i = 0; i < 120; i++) {
        assert_int_equal(estab_send(g.host[0], c, "x", 1, g.now), 1);
        seg_run(&g, ESTAB_SEC(1));
    }
    for (const struct heard *f; (f = seg_next(&g, 0)) != NULL;)
        asked += as_arp(f, &a) != NULL;
    assert_int_equal(asked, 0);
    /* a long silence, then one segment: stale, delay, and as it is answered, reachable */
    seg_run(&g, ESTAB_SEC(120));
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.2"), ESTAB_NEIGHBOUR_STALE);
    assert_int_equal(estab_send(g.host[0], c, "x", 1, g.now), 1);
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(seg_neighbour_state(&g, 0, "10.0.0.2"), ESTAB_NEIGHBOUR_REACHABLE);
    seg_end(&g);
}

/* RFC 1122 §3.3.1.1: what is not on the link goes to the gateway. */
TEST(what_is_not_on_the_link_goes_to_its_gateway)
{
    struct segment g;
    struct estab_addr any = { .family = ESTAB_INET }, gateway = addr_of("10.0.0.2");
    uint8_t mac[6];
    struct arp_packet a;
    const struct heard *f;

    two_hosts(&g);
    seg_mac(mac, 1);
    assert_int_equal(estab_stack_add_gateway(g.host[0], 1, &any, 0, &gateway), 0);
    (void)dial(&g, 0, "192.0.2.1");
    seg_settle(&g);
    assert_non_null(as_arp(seg_next(&g, 0), &a));
    assert_int_equal(get_be32(a.tpa), 0x0a000002);
    f = seg_next(&g, 0);
    assert_non_null(f);
    assert_memory_equal(f->octets, mac, 6);
    assert_int_equal(get_be32(f->octets + 14 + 16), 0xc0000201);
    assert_int_equal(estab_stack_remove_route(g.host[0], 1, &any, 0, &gateway), 0);
    assert_int_equal(estab_stack_remove_route(g.host[0], 1, &any, 0, &gateway), -ESTAB_ENETUNREACH);
    seg_end(&g);
}

/* The user's own word: never asked for, never overwritten. */
/* No frame can go to it: nobody answers for a group, or for no address. */
TEST(a_gateway_is_one_station)
{
    static const char *const none[] = { "224.0.0.1", "0.0.0.0", "ff02::1", "::" };
    struct segment g;

    seg_init(&g);
    seg_host(&g, NULL);
    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct estab_addr gateway = addr_of(none[i]), any = { .family = gateway.family };

        assert_int_equal(estab_stack_add_gateway(g.host[0], 1, &any, 0, &gateway), -ESTAB_EINVAL);
    }
    seg_end(&g);
}

TEST(a_neighbour_given_by_the_user_stays_what_it_is)
{
    struct segment g;
    struct estab_addr a = addr_of("10.0.0.9");
    struct arp_packet lie = says(all, "10.0.0.9", "10.0.0.1", ARP_REPLY), arp;
    struct estab_neighbour_info n;
    uint8_t us[6], other[6] = { 2, 9, 9, 9, 9, 9 };
    const struct heard *f;

    two_hosts(&g);
    seg_mac(us, 0);
    assert_int_equal(estab_stack_set_neighbour(g.host[0], 1, &a, stranger, g.now), 0);
    assert_int_equal(estab_stack_set_neighbour(g.host[0], 1, &a, us, g.now), -ESTAB_EINVAL);
    assert_int_equal(estab_stack_set_neighbour(g.host[0], 1, &a, all, g.now), -ESTAB_EINVAL);
    (void)dial(&g, 0, "10.0.0.9");
    seg_settle(&g);
    f = seg_next(&g, 0);
    assert_null(as_arp(f, &arp));
    assert_memory_equal(f->octets, stranger, 6);
    memcpy(lie.sha, other, 6);
    seg_say_arp(&g, other, us, &lie);
    seg_run(&g, ESTAB_SEC(100));
    assert_true(seg_neighbour(&g, 0, "10.0.0.9", &n));
    assert_memory_equal(n.mac, stranger, 6);
    seg_end(&g);
}

/* ---- frames ---- */

static void
on_vlan_7(struct estab_config *cfg, struct estab_link *link)
{
    (void)cfg;
    link->vlan = 7;
}

/* IEEE 802.1Q */
TEST(an_interface_of_a_vlan_hears_and_speaks_only_there)
{
    struct segment g;
    estab_conn in, out;

    seg_init(&g);
    given(&g, seg_host(&g, on_vlan_7), "10.0.0.1");
    given(&g, seg_host(&g, NULL), "10.0.0.2");
    given(&g, seg_host(&g, on_vlan_7), "10.0.0.3");
    (void)listener(&g, 1);
    (void)listener(&g, 2);
    seg_run(&g, ESTAB_SEC(5));
    out = dial(&g, 0, "10.0.0.2");
    in = dial(&g, 0, "10.0.0.3");
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(state_of(&g, 0, out), ESTAB_TCPS_SYN_SENT);
    assert_int_equal(state_of(&g, 0, in), ESTAB_TCPS_ESTABLISHED);
    assert_true(seg_status(&g, 1).verdicts[ESTAB_SEG_DROP_LINK_VLAN] > 0);
    assert_true(verdicts(&g, ESTAB_SEG_DROP_LINK_VLAN) > 0);
    seg_end(&g);
}

TEST(frames_for_other_stations_and_of_other_protocols_have_their_verdicts)
{
    struct segment g;
    uint8_t f[64] = { 0 }, us[6], other[6] = { 2, 7, 7, 7, 7, 7 };

    two_hosts(&g);
    seg_mac(us, 0);
    estab_ether_write(f, other, stranger, 0, ETHER_IPV4);
    seg_deliver(&g, HOSTS, f, 64);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_LINK_NOT_OURS), 1);
    estab_ether_write(f, us, stranger, 0, 0x88cc);
    seg_deliver(&g, HOSTS, f, 64);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_LINK_TYPE), 1);
    estab_ether_write(f, us, stranger, 0, ETHER_IPV6); /* but what follows is no IPv6 */
    seg_deliver(&g, HOSTS, f, 64);
    estab_ether_write(f, us, stranger, 0, ETHER_IPV4);
    seg_deliver(&g, HOSTS, f, 14);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_IP_VERSION), 2);
    seg_deliver(&g, HOSTS, f, 13);
    seg_deliver(&g, HOSTS, f, 0);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_LINK_HEADER), 2);
    seg_end(&g);
}

static uint32_t
a_syn(uint8_t *packet, const uint8_t src[4], bool bad_checksum)
{
    static const uint8_t dst[4] = { 10, 0, 0, 1 };
    struct tcp_seg seg = { .src_port = 999, .dst_port = 80, .seq = 5, .ctl = 2, .wnd = 1000 };
    uint32_t len = estab_tcp_write(packet + 20, &seg, 0);
    uint64_t sum = estab_csum_pseudo(src, dst, 4, 6, len);
    uint16_t field;

    (void)estab_ip_write(packet, 4, 6, 64, 0, src, dst, 0, len);
    field = (uint16_t)~csum_fold(estab_csum_add(packet + 20, len, sum));
    memcpy(packet + 36, &field, 2);
    packet[36] ^= bad_checksum;
    return 20 + len;
}

/* vuln: Validation bypass by spoofed own MAC or fast path */
TEST(no_hardware_address_switches_a_check_off)
{
    uint8_t us[6], packet[80];
    static const uint8_t zero[6], src[4] = { 10, 0, 0, 2 }, loop[4] = { 127, 0, 0, 1 },
                                  own[4] = { 10, 0, 0, 1 };

    seg_mac(us, 0);
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *mac = i == 0 ? us : i == 1 ? all : i == 2 ? zero : stranger;
        struct segment g;
        uint32_t len;

        two_hosts(&g);
        (void)listener(&g, 0);
        len = a_syn(packet, src, true);
        seg_say_ip(&g, mac, us, packet, len);
        len = a_syn(packet, loop, false);
        seg_say_ip(&g, mac, us, packet, len);
        len = a_syn(packet, own, false);
        seg_say_ip(&g, mac, us, packet, len);
        assert_int_equal(seg_status(&g, 0).half_open, 0);
        assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_LINK_SOURCE), i < 3 ? 3 : 0);
        assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_CHECKSUM), i < 3 ? 0 : 1);
        assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_IP_SOURCE), i < 3 ? 0 : 2);
        seg_end(&g);
    }
}

/* RFC 1122 §3.3.6 */
TEST(a_packet_for_us_in_a_broadcast_frame_is_dropped)
{
    struct segment g;
    uint8_t packet[80];
    static const uint8_t src[4] = { 10, 0, 0, 2 };
    uint32_t len = a_syn(packet, src, false);

    two_hosts(&g);
    (void)listener(&g, 0);
    seg_say_ip(&g, stranger, all, packet, len);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_LINK_GROUP), 1);
    assert_int_equal(seg_status(&g, 0).half_open, 0);
    seg_end(&g);
}

static void
weak(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->strong_host = false;
}

/* RFC 1122 §3.3.4.2: the two models of a host with more than one interface. */
TEST(a_strong_host_answers_an_address_only_on_its_own_interface)
{
    for (unsigned model = 0; model < 2; model++) {
        struct segment g;
        struct estab_addr other = addr_of("10.9.9.9");
        struct estab_link link = { .mtu = 1500, .kind = ESTAB_LINK_ETHERNET, .mac = { 2, 5 } };
        uint8_t packet[80], us[6];
        static const uint8_t src[4] = { 10, 0, 0, 2 };
        uint32_t len;

        seg_init(&g);
        given(&g, seg_host(&g, model == 0 ? weak : NULL), "10.0.0.7");
        assert_int_equal(estab_stack_add_interface(g.host[0], &link), 2);
        other = addr_of("10.0.0.1"); /* where a_syn() goes, but on the other interface */
        assert_int_equal(estab_stack_add_address(g.host[0], 2, &other, 32), 0);
        (void)listener(&g, 0);
        seg_mac(us, 0);
        len = a_syn(packet, src, false);
        seg_say_ip(&g, stranger, us, packet, len);
        assert_int_equal(seg_status(&g, 0).half_open, model == 0);
        seg_end(&g);
    }
}

/* The same inputs, the same octets. */
TEST(two_runs_send_the_same_frames_at_the_same_instants)
{
    struct segment g[2];

    for (unsigned k = 0; k < 2; k++) {
        struct estab_addr want = addr_of("10.0.0.7");

        two_hosts(&g[k]);
        assert_int_equal(estab_stack_assign_address(g[k].host[0], 1, &want, 24, g[k].now), 0);
        (void)listener(&g[k], 1);
        (void)dial(&g[k], 0, "10.0.0.2");
        (void)dial(&g[k], 0, "10.0.0.77");
        seg_run(&g[k], ESTAB_SEC(30));
    }
    assert_int_equal(g[0].n_heard, g[1].n_heard);
    assert_memory_equal(g[0].heard, g[1].heard, g[0].n_heard * sizeof(struct heard));
    for (unsigned k = 0; k < 2; k++)
        seg_end(&g[k]);
}
