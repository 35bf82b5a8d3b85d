/* SPDX-License-Identifier: MIT */
/* TCP Fast Open (RFC 7413) between two of us; and SYNs with text without it. */
#include "harness/fast_open.h"

/* RFC7413-4.2.2-DATA: client and server in one host, over its loopback: the second connection is read
 * before its handshake has ended. */
TEST(client_and_server_understand_each_other)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = server_with(&cfg);
    struct estab_endpoint to = p->us;

    for (int i = 0; i < 3; i++) {
        struct estab_status st;
        estab_conn opened, answers;
        char buf[8];

        assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &opened, p->now), 0);
        assert_int_equal(estab_send(p->stack, opened, "hello", 5, p->now), 5);
        time_passes(p, MS(1));
        assert_int_equal(estab_accept(p->stack, p->listener, &answers, p->now), 0);
        assert_int_equal(estab_receive(p->stack, answers, buf, sizeof(buf), p->now), 5);
        assert_memory_equal(buf, "hello", 5);
        assert_int_equal(estab_status(p->stack, opened, &st), 0);
        assert_int_equal(st.state, TCPS(ESTABLISHED));
        assert_int_equal(st.fast_open, i > 0);
        assert_int_equal(estab_status(p->stack, answers, &st), 0);
        assert_int_equal(st.state, TCPS(ESTABLISHED));
        assert_int_equal(st.fast_open, i > 0);
        assert_int_equal(estab_close(p->stack, opened, p->now), 0);
        assert_int_equal(estab_close(p->stack, answers, p->now), 0);
        time_passes(p, MS(1));
    }
    peer_done(p);
}

/* ---- text on SYNs without Fast Open ---- */

/* RFC 9293 §3.10.7.3: text of a SYN,ACK is taken, and acknowledged with it. */
TEST(text_of_a_syn_ack_is_taken)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460, .len = 30);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 131);
    expect_state(p, TCPS(ESTABLISHED));
    user_receives(p, 30);
    peer_done(p);
}

/* RFC 9293 §3.10.7.2, §3.10.7.3: every set of control bits to LISTEN and to SYN-SENT: only a SYN
 * without FIN and RST opens anything. */
TEST(nonsense_sets_of_flags_open_nothing)
{
    for (unsigned ctl = 0; ctl < 64; ctl++) {
        bool syn = (ctl & (CTL_SYN | CTL_FIN | CTL_RST)) == CTL_SYN;
        struct peer *p = peer_of_listener();

        peer_sends(p, .ctl = (uint8_t)ctl, .seq = 100, .ack = 1, .len = 5);
        expect_state(p, syn && !(ctl & CTL_ACK) ? TCPS(SYN_RECEIVED) : TCPS(LISTEN));
        peer_done_quietly(p);

        p = peer_in_syn_sent();
        peer_sends(p, .ctl = (uint8_t)ctl, .seq = 100, .ack = ISS + 1, .len = 5);
        expect_state(p, syn ? ctl & CTL_ACK ? TCPS(ESTABLISHED) : TCPS(SYN_RECEIVED)
                        : (ctl & (CTL_RST | CTL_ACK)) == (CTL_RST | CTL_ACK) ? TCPS(CLOSED)
                                                                           : TCPS(SYN_SENT));
        peer_done_quietly(p);
    }
}
