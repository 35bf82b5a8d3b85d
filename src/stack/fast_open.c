/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open, RFC 7413: a host's part. Server: which SYNs make a connection at once, and how
 * many of those may wait for the end of their handshake. Client: what is remembered of peers. The
 * rules of one connection are in tcp/fast_open.c. Called from listen.c, conn.c, input.c, output.c
 * and user.c.
 */
#include "stack/internal.h"

#include "base/bytes.h"
#include "tcp/internal.h"

#include <string.h>

/* ---- server ---- */

/* How long a connection that was reset early counts as pending. */
#define RESET_COUNTS_FOR ESTAB_SEC(60)

/* RFC 7413 §4.2 (RFC7413-4.2-PENDING), limit: max_fast_open_pending. §5.1: those that a RST has
 * ended count on for a while, or a flood from addresses that answer would never be seen. */
static bool
may_wait(const struct estab_stack *s, struct listener *l, estab_time now)
{
    if (now >= l->fast_open_reset_until)
        l->fast_open_reset = 0;
    return l->fast_open_pending + l->fast_open_reset < s->cfg.max_fast_open_pending;
}

static bool
open_early(struct estab_stack *s, struct listener *l, const struct names *names, unsigned addr_len,
           const struct tcp_seg *syn, unsigned ifindex, bool new_cookie, struct tcp_env *env)
{
    struct half_open h = { .ifindex = (uint8_t)ifindex };
    struct conn *c;

    estab_half_open_init(&h, env, syn, estab_conn_isn(s, names, addr_len, env->now));
    h.cookie = true; /* it stands in no record */
    c = estab_listener_open(s, l, names, addr_len, &h, 0, CAUSE_SYN_ARRIVED, env);
    if (c == NULL)
        return false;
    c->fast_open_pending = true;
    l->fast_open_pending++;
    estab_fast_open_accept(&c->tcb, env, syn, new_cookie);
    estab_conn_update(s, c, env);
    l->poll.bits |= ESTAB_ACCEPTABLE;
    estab_conn_ready(s, &l->poll);
    return true;
}

enum fast_open_answer
estab_fast_open_syn(struct estab_stack *s, struct listener *l, const struct names *names,
                    unsigned addr_len, const struct tcp_seg *syn, unsigned ifindex, bool reuse,
                    struct tcp_env *env)
{
    enum fast_open_cookie cookie;

    /* (RFC7413-4.2-OFF) off: the option is as any that we do not know. */
    if (!estab_options_of(s, l->own)->fast_open || !syn->has_fast_open)
        return FAST_OPEN_PLAIN;
    cookie =
        estab_fast_open_check(&s->key_fast_open, env, names_remote(names, addr_len), addr_len, syn);
    /* RFC 7413 §4.1.2, §4.2.2: without a cookie of ours the SYN alone is taken, and one is given. */
    if (cookie == FAST_OPEN_BAD)
        return FAST_OPEN_GIVE;
    /* Beyond the limit, or where the ISS depends on the wait it ends: an ordinary handshake. */
    if (reuse || !may_wait(s, l, env->now) ||
        !open_early(s, l, names, addr_len, syn, ifindex, cookie == FAST_OPEN_OLD, env))
        return cookie == FAST_OPEN_OLD ? FAST_OPEN_GIVE : FAST_OPEN_PLAIN;
    return FAST_OPEN_TAKEN;
}

void
estab_fast_open_give(const struct estab_stack *s, const struct names *names, unsigned addr_len,
                     const struct tcp_env *env, struct fast_open_offer *cookie, struct tcp_seg *seg)
{
    estab_fast_open_cookie(&s->key_fast_open, env, names_remote(names, addr_len), addr_len, cookie);
    seg->has_fast_open = true;
    seg->fast_open_len = cookie->len;
    seg->fast_open = cookie->cookie;
}

void
estab_fast_open_settled(struct estab_stack *s, struct conn *c, const struct tcp_env *env)
{
    struct listener *l = estab_listener_at(s, c->listener != 0 ? c->listener : c->pending_of);

    c->fast_open_pending = false;
    l->fast_open_pending--;
    if (c->tcb.state == TCPS_CLOSED && c->tcb.error == ESTAB_ECONNRESET) {
        l->fast_open_reset++;
        l->fast_open_reset_until = env->now + RESET_COUNTS_FOR;
    }
}

void
estab_fast_open_listener_closes(struct estab_stack *s, struct listener *l)
{
    uint32_t index;
    unsigned f;

    for (f = 0; f < 2 && l->fast_open_pending > 0; f++)
        for (index = estab_pool_next(&s->conns[f], 0); index != 0 && l->fast_open_pending > 0;
             index = estab_pool_next(&s->conns[f], index)) {
            struct conn *c = estab_pool_at(&s->conns[f], index);

            if (c->fast_open_pending && c->listener == 0 && c->pending_of == l->ref) {
                c->fast_open_pending = false;
                l->fast_open_pending--;
            }
        }
}

/* ---- client: what is remembered of peers ---- */

#define WAYS 4 /* entries in which one peer may stand */
#define FAILURES_MAX 10

struct fast_open_peer {
    struct names names; /* without our port */
    uint8_t addr_len;   /* 0: free */
    uint8_t cookie_len; /* 0: none */
    uint8_t failures;   /* in a row */
    uint8_t cookie[FAST_OPEN_COOKIE_MAX];
    uint16_t mss; /* of its last SYN,ACK; 0: it named none */
    estab_time learnt_at;
    estab_time left_alone_until;
};

/* RFC 7413 §4.1.3: by both addresses and the peer's port, for it is ports that speak Fast Open. */
static void
key_of(const struct conn *c, struct names *key)
{
    memset(key, 0, sizeof(*key));
    memcpy(key, &c->names, NAMES_LEN(c->addr_len));
    put_be16(key->ports, 0);
}

static uint32_t
sets(const struct estab_stack *s)
{
    uint32_t n = s->cfg.max_fast_open_peers / WAYS;

    return n > 0 ? n : 1;
}

static uint32_t
ways(const struct estab_stack *s)
{
    return s->cfg.max_fast_open_peers < WAYS ? s->cfg.max_fast_open_peers : WAYS;
}

static size_t
peers_size(const struct estab_stack *s)
{
    return (size_t)sets(s) * ways(s) * sizeof(struct fast_open_peer);
}

/* The `ways` entries in which the peer can stand; NULL: there is no table. */
static struct fast_open_peer *
set_of(const struct estab_stack *s, const struct names *key, unsigned addr_len)
{
    uint64_t hash;

    if (s->fast_open_peers == NULL)
        return NULL;
    hash = estab_siphash24(&s->key_fast_open_peer, key, NAMES_LEN(addr_len));
    return &s->fast_open_peers[(uint32_t)(hash % sets(s)) * ways(s)];
}

static struct fast_open_peer *
find_peer(const struct estab_stack *s, const struct names *key, unsigned addr_len)
{
    struct fast_open_peer *set = set_of(s, key, addr_len);
    uint32_t i;

    for (i = 0; set != NULL && i < ways(s); i++)
        if (set[i].addr_len == addr_len && memcmp(&set[i].names, key, NAMES_LEN(addr_len)) == 0)
            return &set[i];
    return NULL;
}

/* The peer's entry, or a new one; limit: max_fast_open_peers, the one learnt longest ago of those
 * that could stand there makes room. NULL: no memory. */
static struct fast_open_peer *
remember_peer(struct estab_stack *s, const struct names *key, unsigned addr_len)
{
    struct fast_open_peer *p = find_peer(s, key, addr_len), *set;
    uint32_t i;

    if (p != NULL)
        return p;
    set = set_of(s, key, addr_len);
    if (set == NULL)
        return NULL;
    p = set;
    for (i = 0; i < ways(s) && p->addr_len != 0; i++)
        if (set[i].addr_len == 0 || set[i].learnt_at < p->learnt_at)
            p = &set[i];
    memset(p, 0, sizeof(*p));
    p->names = *key;
    p->addr_len = (uint8_t)addr_len;
    return p;
}

/* Without the table nothing could come of asking: it is made with the first that wants it. */
static bool
has_table(struct estab_stack *s)
{
    if (s->fast_open_peers != NULL)
        return true;
    if (s->cfg.max_fast_open_peers == 0)
        return false;
    s->fast_open_peers = estab_arena_get(&s->arena, peers_size(s));
    if (s->fast_open_peers == NULL)
        return false;
    memset(s->fast_open_peers, 0, peers_size(s));
    return true;
}

void
estab_fast_open_forget(struct estab_stack *s)
{
    if (s->fast_open_peers != NULL)
        estab_arena_put(&s->arena, s->fast_open_peers, peers_size(s));
    s->fast_open_peers = NULL;
}

const struct fast_open_offer *
estab_fast_open_offer(struct estab_stack *s, const struct conn *c, const struct tcp_env *env,
                      struct fast_open_offer *offer)
{
    const struct fast_open_peer *p;
    struct names key;

    if (c->tcb.passive) {
        estab_fast_open_cookie(&s->key_fast_open, env, names_remote(&c->names, c->addr_len),
                               c->addr_len, offer);
        return offer;
    }
    if (!has_table(s))
        return NULL;
    key_of(c, &key);
    p = find_peer(s, &key, c->addr_len);
    *offer = (struct fast_open_offer){ 0 };
    if (p == NULL)
        return offer;
    /* RFC 7413 §4.1.3.1 (RFC7413-4.1.3): it went wrong before. */
    if (env->now < p->left_alone_until)
        return NULL;
    offer->mss = p->mss;
    offer->len = p->cookie_len;
    memcpy(offer->cookie, p->cookie, p->cookie_len);
    return offer;
}

/* RFC 7413 §4.1.3.1: plain SYNs for a time that doubles, for the network may swallow ours. */
static void
note_failure(struct estab_stack *s, struct fast_open_peer *p, estab_time now)
{
    if (p->failures < FAILURES_MAX)
        p->failures++;
    p->left_alone_until = now + s->cfg.fast_open_retry * ((estab_time)1 << (p->failures - 1));
    p->cookie_len = 0;
    p->learnt_at = now;
}

void
estab_fast_open_learn(struct estab_stack *s, const struct conn *c, const struct tcp_seg *syn_ack,
                      const struct tcp_env *env)
{
    const struct tcb *tcb = &c->tcb;
    struct fast_open_peer *p;
    struct names key;

    if (!is_synchronized(tcb))
        return;
    key_of(c, &key);
    p = remember_peer(s, &key, c->addr_len);
    if (p == NULL)
        return;
    p->mss = syn_ack->has_mss ? syn_ack->mss : 0;
    if (syn_ack->has_fast_open && syn_ack->fast_open_len > 0) {
        p->cookie_len = syn_ack->fast_open_len;
        memcpy(p->cookie, syn_ack->fast_open, syn_ack->fast_open_len);
    } else if (!tcb->fast_open) {
        /* Neither a cookie nor the text: the server does not speak it, or not now, or the first SYN
         * was lost, and perhaps because of what it carried. */
        note_failure(s, p, env->now);
        return;
    }
    p->failures = 0;
    p->left_alone_until = 0;
    p->learnt_at = env->now;
}

void
estab_fast_open_failed(struct estab_stack *s, const struct conn *c, const struct tcp_env *env)
{
    struct fast_open_peer *p;
    struct names key;

    key_of(c, &key);
    p = remember_peer(s, &key, c->addr_len);
    if (p != NULL)
        note_failure(s, p, env->now);
}
