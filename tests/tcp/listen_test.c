/* SPDX-License-Identifier: MIT */
/* LISTEN, and SYN-RECEIVED of a passive OPEN while it is a half-open record: RFC 9293 §3.10.7.2,
 * §3.10.7.4, §3.5. */
#include "harness/peer.h"

/* RFC 9293 §3.5, Figure 6, seen from TCP Peer B. N1, N4, N6, N7. */
TEST(passive_open_completes_the_three_way_handshake)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    expect_state(p, TCPS(SYN_RECEIVED));

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_nothing_sent(p);
    expect_state(p, TCPS(ESTABLISHED));
    assert_true(p->listener_events & ESTAB_ACCEPTABLE);
    user_accepts(p);
    peer_done(p);
}

/* N6: the third segment may already carry data. */
TEST(third_segment_may_carry_text)
{
    struct peer *p = peer_in_syn_received();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 50);
    expect_state(p, TCPS(ESTABLISHED));
    user_accepts(p);
    expect_event(p, ESTAB_READABLE);
    user_receives(p, 50);
    assert_in_range(time_until_sent(p, SEC(1)), 0, MS(499));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 151);
    peer_done(p);
}

/* N3, N8: a SYN costs a small record, no TCB and no buffer; the connection record comes with the
 * third segment, ring memory with the first octet. */
TEST(a_syn_costs_only_a_half_open_record)
{
    struct peer *p = peer_in_syn_received();
    struct estab_stack_status st;

    estab_stack_status(p->stack, &st);
    assert_int_equal(st.half_open, 1);
    assert_int_equal(st.connections, 0);
    assert_int_equal(st.ring_bytes, 0);

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.half_open, 0);
    assert_int_equal(st.connections, 1);
    assert_int_equal(st.ring_bytes, 0);

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10);
    estab_stack_status(p->stack, &st);
    assert_true(st.ring_bytes > 0);
    user_accepts(p);
    user_receives(p, 10);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.ring_bytes, 0);
    peer_done(p);
}

/* RFC9293-3.10.7.2-LISTEN: first, a RST is ignored. */
TEST(listen_ignores_a_reset)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = CTL_RST, .seq = 100);
    expect_nothing_sent(p);
    expect_verdict(p, DROP_RST_LISTEN);
    peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = 100, .ack = 7);
    expect_nothing_sent(p);
    expect_state(p, TCPS(LISTEN));
    peer_done(p);
}

/* RFC9293-3.10.7.2-LISTEN: second, an ACK of nothing is answered <SEQ=SEG.ACK><CTL=RST>. */
TEST(listen_resets_an_ack)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = CTL_ACK, .seq = 100, .ack = 777);
    expect_sent(p, .ctl = CTL_RST, .seq = 777);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = 778);
    expect_sent(p, .ctl = CTL_RST, .seq = 778);
    expect_state(p, TCPS(LISTEN));
    peer_done(p);
}

/* RFC9293-3.10.7.2-LISTEN: fourth, anything else is dropped. */
TEST(listen_drops_what_is_no_syn)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = 0, .seq = 100, .len = 10);
    expect_nothing_sent(p);
    peer_sends(p, .ctl = CTL_FIN, .seq = 100);
    expect_nothing_sent(p);
    peer_sends(p, .ctl = CTL_SYN | CTL_FIN, .seq = 100);
    expect_nothing_sent(p);
    expect_verdict(p, DROP_SYN_FIN);
    expect_state(p, TCPS(LISTEN));
    peer_done(p);
}

/* RFC9293-3.5-SYNDATA: text on a SYN is not acknowledged, so it comes again. */
TEST(text_on_a_syn_is_not_taken)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .len = 20);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 20);
    user_accepts(p);
    user_receives(p, 20);
    peer_done_quietly(p);
}

/* RFC9293-3.10.7.4-SYNRCVD-ACK: an ACK of something we never sent is answered
 * <SEQ=SEG.ACK><CTL=RST> and changes nothing else. */
TEST(syn_received_resets_an_ack_of_unsent_data)
{
    struct peer *p = peer_in_syn_received();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS + 2);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done(p);
}

/* limit: rst_per_second, RFC4987-NOAMP: whoever has sent a SYN in another's name draws no more resets to it
 * than segments to nobody would. */
TEST(resets_from_syn_received_are_rate_limited)
{
    struct peer *p = peer_in_syn_received();

    for (int i = 0; i < 400; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_verdict(p, DROP_RATE_LIMIT);
    assert_in_range(p->n, 90, 110);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done_quietly(p);
}

/* MUST-11, N8: a RST returns a passive SYN-RECEIVED to LISTEN, silently, and frees its record. */
TEST(reset_in_syn_received_returns_to_listen)
{
    struct peer *p = peer_in_syn_received();
    struct estab_stack_status st;

    peer_sends(p, .ctl = CTL_RST, .seq = 101);
    expect_nothing_sent(p);
    expect_state(p, TCPS(LISTEN));
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.half_open, 0);
    assert_int_equal(st.record_bytes != 0, 1); /* the listener's own */

    /* and a new SYN is taken */
    p->iss_known = false;
    peer_sends(p, .ctl = CTL_SYN, .seq = 500);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 501);
    peer_done(p);
}

/* RFC5961-3.2-CHALLENGE holds for half-open records too: a RST that only hits the window. */
TEST(reset_beside_rcv_nxt_in_syn_received_is_challenged)
{
    struct peer *p = peer_in_syn_received();

    peer_sends(p, .ctl = CTL_RST, .seq = 110);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_sends(p, .ctl = CTL_RST, .seq = 99);
    expect_nothing_sent(p);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_done(p);
}

/* The same SYN again is answered with the same SYN,ACK. */
TEST(repeated_syn_draws_the_same_syn_ack)
{
    struct peer *p = peer_in_syn_received();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    expect_verdict(p, ACCEPTED_SYN_DUPLICATE);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_done(p);
}

/* RFC6298-3-KARN: after a second SYN,ACK nobody knows which one the ACK answers: no RTT is taken. */
TEST(a_repeated_syn_ack_is_not_timed)
{
    for (int repeated = 0; repeated <= 1; repeated++) {
        struct peer *p = peer_of_listener();

        peer_sends (p, .ctl = CTL_SYN, .seq = 100);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
        time_passes(p, MS(800));
        if (repeated) {
            peer_sends (p, .ctl = CTL_SYN, .seq = 100);
            expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
        }
        time_passes(p, MS(100));
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        assert_int_equal(user_status(p).tcb.srtt_us, repeated ? 0 : 900000);
        peer_done(p);
    }
}

/* RFC4987-NOAMP: however often it comes, one answer between two of our own SYN,ACKs. */
TEST(repeated_syns_do_not_draw_a_syn_ack_each)
{
    struct peer *p = peer_in_syn_received();

    for (int i = 0; i < 100; i++)
        peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    expect_nothing_sent(p);
    peer_done(p);
}

/* RFC9293-3.10.7.4-SYNRCVD-SYN: another SYN in the window returns a passive record to LISTEN. */
TEST(new_syn_in_syn_received_returns_to_listen)
{
    struct peer *p = peer_in_syn_received();

    peer_sends(p, .ctl = CTL_SYN, .seq = 200);
    expect_nothing_sent(p);
    expect_state(p, TCPS(LISTEN));
    peer_done(p);
}

/* RFC6298-2.1, RFC6298-5.5: first after 1 s, then after twice as long; RFC4987-NOAMP: after four
 * repeats the record is forgotten, at 31 s. */
TEST(syn_ack_is_retransmitted_with_exponential_backoff)
{
    struct peer *p = peer_in_syn_received();

    time_passes(p, MS(999));
    expect_nothing_sent(p);
    time_passes(p, MS(1));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, SEC(2));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, SEC(4));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, SEC(8));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, SEC(16) - 1);
    expect_state(p, TCPS(SYN_RECEIVED));
    time_passes(p, 1);
    expect_nothing_sent(p);
    expect_state(p, TCPS(LISTEN));
    peer_done(p);
}

/* MUST-23 with the profile that does not deviate: the passive side too repeats for 3 minutes. */
TEST(profile_rfc_repeats_the_syn_ack_for_three_minutes)
{
    struct estab_config cfg = peer_config("rfc");
    struct peer *p = peer_of_listener_with(&cfg);

    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, SEC(180));
    peer_forgets(p);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_done(p);
}

/* RFC4987-3.3: max_half_open records, then further SYNs are dropped, and old ones still complete. */
TEST(syn_queue_is_bounded)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack_status st;
    struct peer *p;

    cfg.max_half_open = 4;
    cfg.syn_cookies = ESTAB_SYN_COOKIES_NEVER;
    p = peer_of_listener_with(&cfg);
    for (uint16_t i = 0; i < 8; i++)
        peer_sends_from(p, (uint16_t)(50000 + i), (struct step){ .ctl = CTL_SYN, .seq = 100 });
    expect_verdict(p, DROP_SYN_QUEUE_FULL);
    assert_int_equal(p->n, 4);
    peer_forgets(p);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.half_open, 4);
    assert_int_equal(st.verdicts[ESTAB_SEG_DROP_SYN_QUEUE_FULL], 4);
    peer_done(p);
}

/* As listen(2) of Linux: more than `backlog` connections do not wait for the user; the ACK that would make one more is dropped, and the
 * handshake completes when there is room. */
TEST(accept_queue_is_bounded)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint at = { .port = 80 };
    estab_conn got;

    assert_int_equal(estab_listen(p->stack, &at, 0, NULL, &p->listener, p->now), 0);
    p->them.port = 40001;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    p->them.port = 40000;
    p->iss_known = false;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));

    /* a further SYN is not even begun */
    peer_sends_from(p, 40002, (struct step){ .ctl = CTL_SYN, .seq = 100 });
    expect_verdict(p, DROP_ACCEPT_QUEUE_FULL);
    expect_nothing_sent(p);
    assert_int_equal(estab_accept(p->stack, p->listener, &got, p->now), 0);
    assert_int_equal(estab_accept(p->stack, p->listener, &got, p->now), -ESTAB_EAGAIN);
    peer_sends_from(p, 40002, (struct step){ .ctl = CTL_SYN, .seq = 100 });
    expect_verdict(p, ACCEPTED_SYN_COOKIE); /* 40001 is the one half-open record allowed */
    peer_done_quietly(p);
}

/* limit: memory: without room for a connection the half-open record stays, and the handshake
 * completes when there is. */
TEST(third_segment_without_memory_leaves_the_record)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.max_connections = 1;
    p = peer_of_listener_with(&cfg);
    p->them.port = 40001;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    p->them.port = 40000;
    p->iss_known = false;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_verdict(p, DROP_CONNECTION_LIMIT);
    expect_state(p, TCPS(SYN_RECEIVED));
    assert_int_equal(user_aborts(p), 0);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done(p);
}

/* MUST-43: a listener on one address does not answer for another. MUST-41, MUST-42: listening
 * never touches a connection on the same port. */
TEST(listeners_and_addresses)
{
    struct peer *p = peer_in_established();
    struct estab_status before = user_status(p);
    struct estab_endpoint at = { .addr = p->us.addr, .port = 80 };
    estab_conn l2, l3;

    /* any address has port 80 already; a single address is more special, and allowed */
    assert_int_equal(estab_listen(p->stack, &at, 1, NULL, &l2, p->now), 0);
    assert_int_equal(estab_listen(p->stack, &at, 1, NULL, &l3, p->now), -ESTAB_EADDRINUSE);
    assert_true(l3 == 0);
    at.addr.bytes[3] ^= 0x40;
    at.addr.bytes[15] ^= 0x40;
    assert_int_equal(estab_listen(p->stack, &at, 1, NULL, &l3, p->now), -ESTAB_EADDRNOTAVAIL);
    expect_unchanged(p, &before);
    peer_done(p);
}

/* A closed listener resets what nobody accepted and forgets what was half-open. */
TEST(closing_a_listener_resets_its_queue)
{
    struct peer *p = peer_in_syn_received();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    peer_sends_from(p, 41000, (struct step){ .ctl = CTL_SYN, .seq = 100 });
    peer_forgets(p);
    assert_int_equal(estab_close(p->stack, p->listener, p->now), 0);
    p->listener = 0;
    time_passes(p, 0);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS + 1);
    expect_gone(p);
    peer_done(p);
}

/* The user can ask what is ours, how many wait, and change how many may. */
TEST(listener_tells_how_many_wait)
{
    struct peer *p = peer_of_listener();
    struct estab_addr other = p->us.addr;
    struct estab_status st;

    assert_true(estab_stack_is_local(p->stack, &p->us.addr));
    other.bytes[peer_family == 4 ? 3 : 15]++;
    assert_false(estab_stack_is_local(p->stack, &other));
    assert_false(estab_stack_is_local(p->stack, &(struct estab_addr){ 0 }));

    assert_int_equal(estab_set_backlog(p->stack, p->listener, 1), 0);
    assert_int_equal(estab_set_backlog(p->stack, 12345, 1), -ESTAB_EBADF);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(estab_status(p->stack, p->listener, &st), 0);
        assert_int_equal(st.backlog, 1);
        assert_int_equal(st.waiting, i < 2 ? i : 2);
        p->iss_known = false;
        peer_sends_from(p, (uint16_t)(5000 + i), (struct step){ .ctl = CTL_SYN, .seq = IRS });
        if (i == 2) /* more than one waits already */
            break;
        peer_takes(p);
        peer_sends_from(p, (uint16_t)(5000 + i), (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 });
    }
    expect_verdict(p, DROP_ACCEPT_QUEUE_FULL);
    user_accepts(p);
    assert_int_equal(estab_status(p->stack, p->listener, &st), 0);
    assert_int_equal(st.waiting, 1);
    peer_done_quietly(p);
}
