/* SPDX-License-Identifier: MIT */
/*
 * Congestion control behind one small interface (RFC 9293 §3.8.2, MUST-19, MAY-18). loss.c decides
 * what was lost and when; an algorithm only moves cwnd and ssthresh, in octets. What it has to
 * remember besides is tcb->ca.
 */
#ifndef TCP_CC_H
#define TCP_CC_H

#include "tcp/delivery_rate.h"
#include "tcp/internal.h"

/* The initial ssthresh, "arbitrarily high" (RFC5681-3.1-SSTHRESH0): nothing was lost yet. */
#define CC_SSTHRESH_INITIAL (UINT32_MAX / 2)
/* No window of TCP is larger (RFC 7323 §2.3), so no cwnd need be. */
#define CC_CWND_MAX ((uint32_t)1 << 30)

/* What loss recovery tells an algorithm that has cwnd to itself. */
enum cc_recovery {
    CC_RECOVERY_BEGINS,  /* something is lost */
    CC_RECOVERY_TIMEOUT, /* the retransmission timer has expired */
    CC_RECOVERY_ENDS,
    CC_RECOVERY_UNDONE, /* nothing was lost after all */
    CC_MARKED,          /* congestion without a loss to repair */
};

/* [left, right), sent last at `at` (microseconds), is taken for lost. */
struct cc_loss {
    tcp_seq left, right;
    uint32_t at;
};

/* What an ACK has told, after the scoreboard has been brought up to date. */
struct cc_news {
    struct rate_news rate;
    uint32_t pipe; /* octets in the network now */
};

struct cc_ops {
    /* `acked` octets were newly acknowledged outside fast recovery, and cwnd is what limits. */
    void (*acked)(struct tcb *tcb, const struct tcp_env *env, uint32_t acked);
    /* Congestion, met with `flight` octets out: what ssthresh becomes. cwnd is still as it was. */
    uint32_t (*ssthresh_after_loss)(struct tcb *tcb, uint32_t flight);
    /* Below: NULL where it does not matter. */
    /* The retransmission timer has expired; ssthresh is set. */
    void (*timeout)(struct tcb *tcb);
    /* The user or the peer's window is what limits, or nothing is out: time does not count. */
    void (*not_limiting)(struct tcb *tcb, const struct tcp_env *env);
    /* A round trip took `us` microseconds. */
    void (*rtt)(struct tcb *tcb, uint32_t us);
    /* Text leaves; before SND.NXT has moved. */
    void (*sent)(struct tcb *tcb, struct tcp_env *env, uint32_t octets);
    /* Not NULL: cwnd is the algorithm's own while there is a scoreboard, and this sets it after each
     * ACK; neither ssthresh nor PRR apply, and recovery() tells the rest. */
    void (*model)(struct tcb *tcb, struct tcp_env *env, const struct cc_news *news);
    void (*recovery)(struct tcb *tcb, const struct tcp_env *env, enum cc_recovery what);
    /* Each run of octets that is lost, in ascending order, before recovery() and model(). */
    void (*lost)(struct tcb *tcb, const struct tcp_env *env, const struct cc_loss *loss);
    /* The user has given nothing more to send. */
    void (*dry)(struct tcb *tcb);
    /* Returns memory. */
    void (*release)(struct tcb *tcb, struct tcp_env *env);
};

extern const struct cc_ops estab_cc_reno;
extern const struct cc_ops estab_cc_cubic;
extern const struct cc_ops estab_cc_bbr;

/* By enum estab_cc; NULL: no such algorithm. */
const struct cc_ops *estab_cc_by_number(unsigned cc);
/* From now on this one, which begins with cwnd and ssthresh as they are. */
void estab_cc_select(struct tcb *tcb, struct tcp_env *env, unsigned cc);

/* The initial window, RFC 6928 §2: min(n * SMSS, max(2 * SMSS, n * 1460)). */
uint32_t estab_cc_initial_window(const struct tcb *tcb, const struct tcp_env *env);
/* The restart window, RFC 6928 §2: the same, or RFC 3390's. */
uint32_t estab_cc_restart_window(const struct tcb *tcb, const struct tcp_env *env);
/* Congestion, met with `flight` octets out: ssthresh. `repair`: recovery from a loss begins. For
 * algorithms without a model. */
void estab_cc_reduce(struct tcb *tcb, uint32_t flight, bool repair);
/* The initial window or a restart window begins with what is sent next. */
static inline void
cc_first_window(struct tcb *tcb)
{
    tcb->first_window = true;
    tcb->window_from = tcb->snd_nxt;
}
/* Something is lost: was it of the initial window, or of a restart window? */
void estab_cc_lost(struct tcb *tcb, const struct tcp_env *env);
/* Slow start of RFC 5681 §3.1, up to ssthresh. */
void estab_cc_slow_start(struct tcb *tcb, uint32_t acked);
/* The octets out without those of limited transmit, for ssthresh_after_loss(). */
uint32_t estab_cc_flight_at_loss(const struct tcb *tcb);

/* hystart.c: the initial slow start. False: it is over, and has not grown cwnd. */
bool estab_hystart_acked(struct tcb *tcb, const struct tcp_env *env, uint32_t acked);
void estab_hystart_rtt(struct tcb *tcb, uint32_t us);
void estab_hystart_not_limiting(struct tcb *tcb);

/* cubic.c: W_cubic(t) of RFC 9438 §4.2 in octets, times in milliseconds. At most CC_CWND_MAX. */
uint32_t estab_cubic_window(uint32_t w_max, uint32_t k_ms, uint32_t t_ms, uint32_t smss);
/* K of RFC 9438 §4.2 in milliseconds. */
uint32_t estab_cubic_k(uint32_t w_max, uint32_t cwnd_epoch, uint32_t smss);

/* Is cwnd the algorithm's own? */
static inline bool
cc_has_model(const struct tcb *tcb)
{
    return tcb->cc->model != NULL && tcb->flight != NULL;
}

static inline void
cc_release(struct tcb *tcb, struct tcp_env *env)
{
    if (tcb->cc != NULL && tcb->cc->release != NULL)
        tcb->cc->release(tcb, env);
}

static inline void
cc_not_limiting(struct tcb *tcb, const struct tcp_env *env)
{
    if (tcb->cc->not_limiting != NULL)
        tcb->cc->not_limiting(tcb, env);
}

static inline void
cc_rtt(struct tcb *tcb, uint32_t us)
{
    if (tcb->cc->rtt != NULL)
        tcb->cc->rtt(tcb, us);
}

#endif
