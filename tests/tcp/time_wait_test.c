/* SPDX-License-Identifier: MIT */
/* TIME-WAIT: RFC 9293 §3.6, §3.10.7.4, RFC 1337, RFC 6191; claims N13-N18. */
#include "harness/peer.h"

static struct peer *
time_wait_with(const struct estab_config *cfg, struct step syn)
{
    struct peer *p = peer_in_established_with(cfg, syn);

    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    assert_int_equal(user_leaves(p), 0);
    expect_state(p, TCPS(TIME_WAIT));
    return p;
}

/* N13, N18: 2 x MSL, to the nanosecond, and then nothing is left. */
TEST(time_wait_lasts_two_msl)
{
    struct peer *p = peer_in_time_wait();
    struct estab_stack_status st;

    time_passes(p, SEC(60) - 1);
    expect_state(p, TCPS(TIME_WAIT));
    time_passes(p, 1);
    expect_gone(p);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.time_wait, 0);
    assert_int_equal(st.timers, 0);
    expect_nothing_sent(p);
    peer_done(p);
}

/* MUST-13: under the profile that takes the RFC's 2 minutes it is 240 s: a FIN at 239 s is
 * acknowledged, one at 241 s finds nobody. */
TEST(profile_rfc_waits_240_seconds)
{
    struct estab_config cfg = peer_config("rfc");
    struct peer *p = time_wait_with(&cfg, (struct step){ .mss = 1460 });

    time_passes(p, SEC(239));
    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    peer_done(p);

    p = time_wait_with(&cfg, (struct step){ .mss = 1460 });
    time_passes(p, SEC(241));
    assert_int_equal(estab_close(p->stack, p->listener, p->now), 0);
    p->listener = 0;
    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS + 2);
    peer_done(p);
}

/* The MSL is a setting (N13). */
TEST(msl_is_a_setting)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.msl = MS(500);
    p = time_wait_with(&cfg, (struct step){ .mss = 1460 });
    time_passes(p, SEC(1) - 1);
    expect_state(p, TCPS(TIME_WAIT));
    time_passes(p, 1);
    expect_gone(p);
    peer_done(p);
}

/* N14, N17, RFC9293-3.10.7.4-TW: the last ACK was lost: it is sent again and 2MSL start anew. */
TEST(repeated_fin_is_acknowledged_and_restarts_the_timer)
{
    struct peer *p = peer_in_time_wait();

    time_passes(p, SEC(59));
    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102,
                .reason = ESTAB_WHY_ACK_OF_FIN_AGAIN);
    expect_verdict(p, ACCEPTED_FIN_AGAIN);
    time_passes(p, SEC(60) - 1);
    expect_state(p, TCPS(TIME_WAIT));
    time_passes(p, 1);
    expect_gone(p);
    peer_done(p);
}

/* ... the same for a FIN that rode on text. */
TEST(repeated_fin_with_text_is_acknowledged)
{
    struct peer *p = peer_in_fin_wait_2();

    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2, .len = 20);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 122);
    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2, .len = 20);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 122);
    expect_verdict(p, ACCEPTED_FIN_AGAIN);
    peer_done(p);
}

/* RFC1337-F1: a RST does not cut the wait short; TIME-WAIT assassination. */
TEST(reset_does_not_end_time_wait)
{
    struct peer *p = peer_in_time_wait();

    peer_sends(p, .ctl = CTL_RST, .seq = 102);
    peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = 102, .ack = ISS + 2);
    expect_nothing_sent(p);
    expect_verdict(p, DROP_RST_TIME_WAIT);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* ... unless the setting says so: RFC 9293 §3.10.7.4, second. */
TEST(reset_ends_time_wait_where_configured)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.rfc1337 = false;
    p = time_wait_with(&cfg, (struct step){ .mss = 1460 });
    peer_sends(p, .ctl = CTL_RST, .seq = 103);
    expect_state(p, TCPS(TIME_WAIT));
    peer_sends(p, .ctl = CTL_RST, .seq = 102);
    expect_nothing_sent(p);
    expect_gone(p);
    peer_done(p);
}

/* N15: a late segment of the old connection is told where it stood, and reaches nobody. */
TEST(old_text_in_time_wait_is_not_delivered)
{
    struct peer *p = peer_in_time_wait();

    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_verdict(p, DROP_TIME_WAIT_OLD);
    peer_sends(p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 2);
    expect_nothing_sent(p);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* N8: a stale SYN of ours has reached a server while we wait: its SYN,ACK draws our ACK, which
 * the server will reset. */
TEST(syn_ack_in_time_wait_is_answered_with_an_ack)
{
    struct peer *p = peer_in_time_wait();

    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 9000, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* MAY-2, SHLD-4: a new SYN beyond the old connection's numbers may open a new one; our ISN is
 * beyond all that we used. */
TEST(new_syn_ends_time_wait)
{
    struct peer *p = peer_in_time_wait();
    uint32_t old_iss = p->iss;

    p->iss_known = false;
    peer_sends(p, .ctl = CTL_SYN, .seq = 5000);
    expect_verdict(p, ACCEPTED_SYN_TIME_WAIT);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 5001);
    assert_true((int32_t)(p->iss - (old_iss + 2)) > 0);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_done(p);
}

/* ... an old one does not. */
TEST(old_syn_does_not_end_time_wait)
{
    struct peer *p = peer_in_time_wait();

    peer_sends (p, .ctl = CTL_SYN, .seq = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_verdict(p, DROP_TIME_WAIT_SYN);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* SHLD-4, RFC 6191 §2: with timestamps the newer clock decides, whatever the number. */
TEST(timestamps_decide_about_a_new_syn)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = time_wait_with(&cfg, (struct step){ .mss = 1460, .ts_val = 1000 });

    p->timestamps = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 50, .ts_val = 999);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_verdict(p, DROP_TIME_WAIT_SYN);
    peer_sends (p, .ctl = CTL_SYN, .seq = 50, .ts_val = 1000); /* same tick, not beyond */
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 50, .ts_val = 1001);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 51);
    peer_done(p);
}

/* The user who still holds the handle sees what is waited for. */
TEST(status_tells_the_two_msl)
{
    struct peer *p = peer_in_fin_wait_2();
    struct estab_status st;

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    peer_forgets(p);
    st = user_status(p);
    assert_int_equal(st.state, TCPS(TIME_WAIT));
    assert_int_equal(st.tcb.timer, ESTAB_TIMER_TIME_WAIT);
    assert_int_equal(st.tcb.timer_at, p->now + SEC(60));
    peer_done(p);
}

/* RFC6191-2-TS, RFC6191-2-NOTS: TSval {<,=,>} x SEQ {<,=,>} x timestamps {then, now}. */
TEST(which_syn_ends_time_wait)
{
    for (int then = 0; then < 2; then++)
        for (int now = 0; now < 2; now++)
            for (int ts = -1; ts <= 1; ts++)
                for (int seq = -1; seq <= 1; seq++) {
                    struct estab_config cfg = peer_config(NULL);
                    struct step syn = { .mss = 1460, .ts_val = then ? 1000 : 0 };
                    struct peer *p = time_wait_with(&cfg, syn);
                    /* the FIN was 101, so the first number beyond the last is 102 */
                    bool beyond = seq >= 0;
                    bool taken = !now ? beyond : !then ? true : ts > 0 || (ts == 0 && beyond);

                    p->timestamps = false;
                    p->iss_known = false;
                    peer_sends(p, .ctl = CTL_SYN, .seq = (uint32_t)(102 + seq),
                               .ts_val = now ? (uint32_t)(1000 + ts) : 0);
                    if (taken)
                        expect_verdict(p, ACCEPTED_SYN_TIME_WAIT);
                    else
                        expect_verdict(p, DROP_TIME_WAIT_SYN);
                    assert_int_equal(peer_takes(p)->seg.ctl, taken ? CTL_SYN | CTL_ACK : CTL_ACK);
                    expect_state(p, taken ? TCPS(SYN_RECEIVED) : TCPS(TIME_WAIT));
                    peer_done(p);
                }
}

/* RFC1337-H1, RFC7323-5.8-TW, N15 (vuln: RST/FIN after reuse (old duplicate)): old duplicates of a
 * connection whose place a new one has taken neither reach it nor end it. */
TEST(old_duplicates_do_not_hurt_the_new_connection)
{
    static const uint8_t flags[] = { CTL_ACK, CTL_ACK | CTL_FIN, CTL_RST, CTL_RST | CTL_ACK, CTL_SYN, CTL_SYN | CTL_ACK };
    struct peer *p = peer_in_time_wait();
    uint32_t old_iss = p->iss;

    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 5000000, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 5000001);
    /* N15: ours begins beyond all that the old one used */
    assert_true((int32_t)(p->iss - (old_iss + 2)) > 0);
    for (int established = 0; established < 2; established++) {
        for (unsigned i = 0; i < sizeof(flags); i++) {
            peer_sends(p, .ctl = flags[i], .seq = 101, .ack = ISS + (old_iss + 1 - p->iss), .len = flags[i] & CTL_RST ? 0 : 10);
            peer_forgets(p);
            time_passes(p, MS(600));
            peer_forgets(p);
        }
        if (!established) {
            expect_state(p, TCPS(SYN_RECEIVED));
            peer_sends (p, .ctl = CTL_ACK, .seq = 5000001, .ack = ISS + 1);
            user_accepts(p);
        }
    }
    expect_state(p, TCPS(ESTABLISHED));
    peer_sends (p, .ctl = CTL_ACK, .seq = 5000001, .ack = ISS + 1, .len = 20);
    user_receives(p, 20);
    peer_done_quietly(p);
}

/* A SYN that cannot be taken does not end the wait (vuln: Connection teardown race with new SYN). */
TEST(a_full_listener_does_not_end_time_wait)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.max_half_open = 1;
    p = time_wait_with(&cfg, (struct step){ .mss = 1460 });
    peer_sends_from(p, 50000, (struct step){ .ctl = CTL_SYN, .seq = 100 });
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_SYN, .seq = 5000);
    expect_verdict(p, DROP_SYN_QUEUE_FULL);
    expect_nothing_sent(p);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* vuln: TIME-WAIT assassination
 * RFC 1337 §2: an old duplicate of text draws an ACK, and the RST that this ACK draws from a peer
 * that knows nothing any more does not end the wait. */
TEST(time_wait_is_not_assassinated)
{
    struct peer *p = peer_in_time_wait();

    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    peer_sends (p, .ctl = CTL_RST, .seq = 102);
    expect_verdict(p, DROP_RST_TIME_WAIT);
    expect_state(p, TCPS(TIME_WAIT));
    time_passes(p, SEC(60));
    expect_gone(p);
    peer_done(p);
}

/* A SYN with nobody listening any more ends nothing. */
TEST(new_syn_without_listener_is_answered_with_an_ack)
{
    struct peer *p = peer_in_time_wait();

    assert_int_equal(estab_close(p->stack, p->listener, p->now), 0);
    p->listener = 0;
    peer_sends (p, .ctl = CTL_SYN, .seq = 5000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* limit: max_time_wait: the record that would end first makes room. */
TEST(oldest_time_wait_makes_room)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack_status st;
    struct peer *p;

    cfg.max_time_wait = 2;
    p = peer_of_listener_with(&cfg);
    for (uint16_t i = 0; i < 3; i++) {
        p->them.port = (uint16_t)(40000 + i);
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        assert_int_equal(user_leaves(p), 0);
        peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
        time_passes(p, SEC(1));
    }
    peer_forgets(p);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.time_wait, 2);
    p->them.port = 40000;
    expect_gone(p);
    p->them.port = 40001;
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* ABORT with the handle in TIME-WAIT does not cut the wait short. */
TEST(abort_leaves_time_wait_alone)
{
    struct peer *p = peer_in_fin_wait_2();

    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    assert_int_equal(user_aborts(p), 0);
    expect_nothing_sent(p);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* N11, N18: an active open's ephemeral port is free after 2MSL, and not before. */
TEST(port_is_free_after_two_msl)
{
    struct estab_stack_status st;
    struct peer *p = peer_host(NULL);
    struct estab_endpoint to;

    p->them.port = 80;
    to = p->them;
    assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &p->conn, p->now), 0);
    p->us.port = user_status(p).local.port;
    time_passes(p, 0);
    peer_sends(p, .ctl = 0, .seq = 0); /* nothing; pulls the SYN */
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1);
    assert_int_equal(user_leaves(p), 0);
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_state(p, TCPS(TIME_WAIT));
    peer_forgets(p);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.ports, 1);
    time_passes(p, SEC(60));
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.ports, 0);
    peer_done(p);
}
