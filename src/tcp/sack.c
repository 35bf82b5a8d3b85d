/* SPDX-License-Identifier: MIT */
/*
 * What is lost by number: the rules of RFC 6675 over the scoreboard, for hosts whose configuration
 * says no to RACK-TLP (RFC 8985 §9.2: one of the two, never both, RFC8985-9.2). A retransmission
 * that is lost is found by the timeout alone. How much may be sent meanwhile is PRR's in either
 * case. Called from rack.c and emit.c.
 */
#include "tcp/rack.h"

#define DUP_THRESH 3

/*
 * §4 (RFC6675-4-ISLOST): IsLost(S): DupThresh discontiguous SACKed sequences, or more than
 * (DupThresh - 1) * SMSS octets that are SACKed, lie above S. From the right to the left, counting.
 */
void
estab_sack_detect_loss(struct tcb *tcb, const struct tcp_env *env)
{
    struct scoreboard *sb = &tcb->flight->sb;
    uint32_t octets = 0, ranges = 0, i;

    for (i = sb->n; i-- > 0;) {
        const struct sent_run *r = &sb->run[i];

        if (r->fate & RUN_SACKED) {
            octets += r->end - run_start(sb, tcb->snd_una, i);
            ranges++;
        } else if (!(r->fate & (RUN_LOST | RUN_AGAIN)) &&
                   (ranges >= DUP_THRESH || octets > (DUP_THRESH - 1) * (uint32_t)tcb->smss)) {
            estab_rack_lose(tcb, env, i);
        }
    }
}

/*
 * §5 (1): DupThresh ACKs with new SACK information say that the first is lost, also where they are
 * of segments too small for IsLost().
 */
void
estab_sack_count_duplicate(struct tcb *tcb, const struct tcp_env *env, bool moved, bool news)
{
    struct scoreboard *sb = &tcb->flight->sb;

    if (moved)
        tcb->flight->sack_dupacks = 0;
    if (!news || tcb->recovery != RECOVERY_NONE)
        return;
    if (tcb->flight->sack_dupacks < DUP_THRESH)
        tcb->flight->sack_dupacks++;
    if (tcb->flight->sack_dupacks >= DUP_THRESH && sb->n > 0 &&
        !(sb->run[0].fate & (RUN_SACKED | RUN_LOST | RUN_AGAIN))) {
        estab_scoreboard_split_first(sb, tcb->snd_una, tcb->smss);
        estab_rack_lose(tcb, env, 0);
    }
}

/* Nothing is known to be lost, and nothing new may leave: is there something to send all the same?
 * §4 (RFC6675-4-NEXTSEG), rules (3) and (4). */
bool
estab_sack_last_resort(struct tcb *tcb, tcp_seq *left, tcp_seq *right)
{
    struct flight *f = tcb->flight;
    struct scoreboard *sb;
    uint32_t i;

    if (f == NULL || !sack_may_resort(tcb) || tcb->snd_wnd == 0 || f->sb.lost > 0 ||
        flight_pipe(tcb) + tcb->smss > tcb->cwnd)
        return false;
    sb = &f->sb;
    /* (3) the first that was sent once and stands below what is SACKed */
    for (i = 0; i < sb->n && seq_lt(sb->run[i].end, f->fack); i++)
        if (!(sb->run[i].fate & (RUN_SACKED | RUN_AGAIN))) {
            *left = run_start(sb, tcb->snd_una, i);
            *right = seq_min(sb->run[i].end, *left + tcb->smss);
            return true;
        }
    /* (4) once in a recovery, when what was sent again first has arrived: the last that is not
     * SACKed, which may be lost without anything behind it to say so */
    if (f->rescued || seq_leq(tcb->snd_una, f->rescue_rxt))
        return false;
    for (i = sb->n; i-- > 0;)
        if (!(sb->run[i].fate & RUN_SACKED)) {
            f->rescued = true;
            *right = sb->run[i].end;
            *left = seq_max(run_start(sb, tcb->snd_una, i), *right - tcb->smss);
            return true;
        }
    return false;
}
