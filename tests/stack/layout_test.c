/* SPDX-License-Identifier: MIT */
/* Where the fields of a connection's record stand: printed, and held to the plan of tcp/tcb.h. What
 * every segment looks at stands together, in the first blocks as large as a cache line. */
#include "harness/test.h"
#include "stack/internal.h"

#define LINE 64u

struct field {
    const char *name;
    size_t at, size, line; /* line: where the plan has it */
};

#define F(member, in_line)                                                                         \
    {                                                                                              \
#member, offsetof(struct tcb, member), sizeof(((struct tcb *)0)->member), in_line          \
    }

/* clang-format off */
static const struct field plan[] = {
    F(state, 0), F(snd_una, 0), F(snd_nxt, 0), F(snd_wnd, 0), F(snd_wl1, 0), F(snd_wl2, 0),
    F(max_snd_wnd, 0), F(rcv_nxt, 0), F(rcv_wnd, 0),
    F(last_ack_sent, 1), F(iss, 1), F(rcv_limit, 1), F(rcv_mss, 1), F(rcv_len, 1), F(smss, 1), F(mms_s, 1),
    F(ts_recent, 1), F(ts_offset, 1), F(events, 1), F(opt, 1), F(cc, 1), F(flight, 1), F(ooo, 1),
    F(snd, 2), F(rcv, 2), F(rtx_at, 2), F(delack_at, 2),
    F(keepalive_at, 3), F(orphan_at, 3), F(unanswered_since, 3), F(last_sent_at, 3), F(cwnd, 3),
    F(ssthresh, 3), F(bytes_sent, 3), F(bytes_received, 3), F(pacing_rate, 3),
    F(srtt, 4), F(rttvar, 4), F(rto, 4), F(rtt_seq, 4), F(rtt_at, 4), F(min_rtt, 4), F(min_rtt_at, 4),
    F(ts_recent_at, 4), F(undo, 4), F(cwv, 4), F(pace_at, 4),
    F(ca, 5), F(bytes_acked, 5), F(recover, 5), F(ecn_high, 5), F(tune_taken, 5),
};
/* clang-format on */

/* Only where pointers have 64 bits: elsewhere all of it is smaller. */
static bool
is_planned_for(void)
{
    return sizeof(void *) == 8;
}

TEST(a_tcb_keeps_to_its_cache_lines)
{
    size_t lines = 0;

    for (size_t i = 0; i < sizeof plan / sizeof plan[0]; i++) {
        const struct field *f = &plan[i];

        size_t first = f->at / LINE, last = (f->at + f->size - 1) / LINE;

        print_message("%4zu %3zu  line %zu  %s\n", f->at, f->size, first, f->name);
        if (!is_planned_for())
            continue;
        if (first != f->line || last != f->line)
            fail_msg("%s, at %zu, is not in line %zu", f->name, f->at, f->line);
        lines = f->line > lines ? f->line : lines;
    }
    /* and behind these lines what few segments look at */
    if (is_planned_for()) {
        assert_true(offsetof(struct tcb, irs) / LINE >= lines);
        assert_true(offsetof(struct tcb, challenged_at) / LINE > lines);
    }
}

/* What an idle connection costs in its pool: no more than this without being told. */
TEST(records_have_the_size_that_is_written_down)
{
    size_t names = offsetof(struct names, addr);
    size_t conn4 = offsetof(struct conn, names) + names + 8,
           conn6 = offsetof(struct conn, names) + names + 32;
    size_t half4 = offsetof(struct half_record, names) + names + 8,
           half6 = offsetof(struct half_record, names) + names + 32;
    size_t wait4 = offsetof(struct tw_record, names) + names + 8,
           wait6 = offsetof(struct tw_record, names) + names + 32;

    print_message("TCB %zu; connection %zu / %zu, half-open %zu / %zu, TIME-WAIT %zu / %zu\n",
                  sizeof(struct tcb), conn4, conn6, half4, half6, wait4, wait6);
    assert_true(sizeof(struct tcb) <= 456);
    assert_true(conn4 <= 560 && conn6 <= 584);
    assert_true(half4 <= 64 && half6 <= 96);
    assert_true(wait4 <= 64 && wait6 <= 96);
}
