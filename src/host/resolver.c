/* SPDX-License-Identifier: MIT */
/*
 * The stub resolver: one query is one name and one family. RFC 1034 §5.3.1 and RFC 1035 §7; what is
 * believed is RFC 5452 §9.1: a response must come from the server asked, to the port asked from,
 * with the ID and the question of the query, and here with the very letters of the name as well.
 * Only records on the way from the name asked to its addresses are looked at, and none is kept
 * for another name.
 */
#include "estab/resolver.h"

#include "base/assert.h"
#include "base/siphash.h"
#include "estab/err.h"
#include "wire/dns.h"

#include <string.h>

enum phase {
    PHASE_SEND, /* a datagram is owed */
    PHASE_WAIT, /* for its answer */
    PHASE_OPEN, /* a stream is owed */
    PHASE_STREAM,
    PHASE_FOLLOW, /* another query asks the same */
    PHASE_DONE,   /* the answer waits to be taken */
};

/* Aliases in a row, RFC 1034 §3.6.2 asks for some limit; records looked at in one message. */
enum { LINKS_MAX = 16, RECORDS_MAX = 256 };

const char *
estab_resolver_verdict_name(unsigned verdict)
{
    static const char *const names[] = {
#define X(name, text, rule) #name,
        ESTAB_RESOLVER_VERDICTS(X)
#undef X
    };

    return verdict < sizeof names / sizeof names[0] ? names[verdict] : "?";
}

const char *
estab_answer_text(unsigned kind)
{
    static const char *const texts[] = {
        "found",
        "the name does not exist",
        "the name has no address of that family",
        "the name servers could not answer",
        "no name server answered in time",
        "there is no name server to ask",
    };

    return kind < sizeof texts / sizeof texts[0] ? texts[kind] : "?";
}

bool
estab_name_parse(struct estab_name *out, const char *text)
{
    return estab_dns_name_parse(out, text);
}

/* --- chance --- */

static uint64_t
draw(struct estab_resolver *r)
{
    struct siphash_key key = { r->key[0], r->key[1] };
    uint8_t counter[8];

    for (unsigned i = 0; i < 8; i++)
        counter[i] = (uint8_t)(r->drawn >> 8 * i);
    r->drawn++;
    return estab_siphash24(&key, counter, sizeof counter);
}

/* RFC 5452 §9.2: an unpredictable port for every query, from all there are. */
static uint16_t
draw_port(struct estab_resolver *r)
{
    uint32_t n = (uint32_t)r->cfg.port_max - r->cfg.port_min + 1;

    return (uint16_t)(r->cfg.port_min + (uint32_t)(draw(r) >> 32) % n);
}

/* A letter's case is a bit that only who has seen the query can know. */
static void
mix_case(struct estab_resolver *r, struct estab_name *name)
{
    uint64_t bits = 0;
    unsigned left = 0;

    for (size_t i = 0; i < name->len; i++) {
        uint8_t c = name->octets[i] & 0xdf;

        if (c < 'A' || c > 'Z')
            continue;
        if (left-- == 0) {
            bits = draw(r);
            left = 63;
        }
        name->octets[i] = (uint8_t)(c | (bits & 1) << 5);
        bits >>= 1;
    }
}

/* --- configuration --- */

void
estab_resolver_config_init(struct estab_resolver_config *cfg)
{
    memset(cfg, 0, sizeof *cfg);
    cfg->ndots = 1;
    cfg->timeout = ESTAB_SEC(2);
    cfg->attempts = 3;
    cfg->stream_timeout = ESTAB_SEC(5);
    cfg->port_min = 1024;
    cfg->port_max = 65535;
    cfg->udp_size = 1232; /* what passes every path of IPv6 unfragmented */
    cfg->mixed_case = true;
    cfg->wrong_max = 16;
    cfg->ttl_max = 86400;
    cfg->negative_ttl_max = 3600; /* RFC 2308 §5: one to three hours do well */
}

int
estab_resolver_init(struct estab_resolver *r, const struct estab_resolver_config *cfg)
{
    struct siphash_key key = estab_siphash_derive(cfg->secret, "resolver");
    uint8_t any = 0;

    for (unsigned i = 0; i < sizeof cfg->secret; i++)
        any |= cfg->secret[i];
    if (any == 0 || cfg->n_servers > ESTAB_RESOLVER_SERVERS ||
        cfg->n_search > ESTAB_RESOLVER_SEARCH || cfg->port_min == 0 ||
        cfg->port_min > cfg->port_max || cfg->attempts == 0 || cfg->attempts > 8 ||
        cfg->timeout <= 0 || cfg->timeout > ESTAB_SEC(60) || cfg->stream_timeout <= 0 ||
        (cfg->udp_size != 0 && cfg->udp_size < 512) || (cfg->hosts == NULL && cfg->n_hosts != 0))
        return -ESTAB_EINVAL;
    memset(r, 0, sizeof *r);
    r->cfg = *cfg;
    r->key[0] = key.k0;
    r->key[1] = key.k1;
    return 0;
}

/* --- the cache --- */

static struct estab_resolver_cached *
find_cached(struct estab_resolver *r, const struct estab_name *name, unsigned family,
            estab_time now)
{
    for (unsigned i = 0; i < ESTAB_RESOLVER_CACHE; i++) {
        struct estab_resolver_cached *c = &r->cache[i];

        if (c->name.len != 0 && c->family == family && now < c->until &&
            estab_dns_name_equal(&c->name, name))
            return c;
    }
    return NULL;
}

/* The place of the same name, else a free or old one, else of the one that ends first. */
static void
keep(struct estab_resolver *r, const struct estab_name *name, unsigned family,
     const struct estab_answer *answer, uint32_t ttl, estab_time now)
{
    struct estab_resolver_cached *to = &r->cache[0];

    if (ttl == 0)
        return;
    for (unsigned i = 0; i < ESTAB_RESOLVER_CACHE; i++) {
        struct estab_resolver_cached *c = &r->cache[i];

        if (c->name.len != 0 && c->family == family && estab_dns_name_equal(&c->name, name)) {
            to = c;
            break;
        }
        if (c->name.len == 0 ? to->name.len != 0 : to->name.len != 0 && c->until < to->until)
            to = c;
    }
    to->name = *name;
    to->family = (uint8_t)family;
    to->kind = answer->kind;
    to->n = (uint8_t)answer->n;
    to->until = now + ESTAB_SEC(ttl);
    memcpy(to->addrs, answer->addrs, sizeof to->addrs);
}

/* --- a query's way --- */

static void begin_candidate(struct estab_resolver *r, struct estab_resolver_query *q,
                            estab_time now);

static struct estab_resolver_query *
query_of(struct estab_resolver *r, uint32_t id)
{
    struct estab_resolver_query *q = &r->queries[id % ESTAB_RESOLVER_QUERIES];

    return id != 0 && q->id == id ? q : NULL;
}

static unsigned
index_of(const struct estab_resolver *r, const struct estab_resolver_query *q)
{
    return (unsigned)(q - r->queries);
}

/* Those who asked the same are answered the same. */
static void
finish(struct estab_resolver *r, struct estab_resolver_query *q, unsigned kind)
{
    q->answer.kind = (uint8_t)kind;
    if (kind != ESTAB_ANSWER_ADDRS)
        q->answer.n = 0;
    q->phase = PHASE_DONE;
    q->at = ESTAB_NEVER;
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        struct estab_resolver_query *f = &r->queries[i];

        if (f->id == 0 || f->phase != PHASE_FOLLOW || f->leader != index_of(r, q) + 1)
            continue;
        f->answer = q->answer;
        f->answer.query = f->id;
        f->phase = PHASE_DONE;
    }
}

/* Asks the server whose turn it is, over UDP, with a new ID, port and mix of letters. */
static void
send_again(struct estab_resolver *r, struct estab_resolver_query *q, bool stream)
{
    q->id_sent = (uint16_t)(draw(r) >> 48);
    q->sent = q->asked;
    if (r->cfg.mixed_case)
        mix_case(r, &q->sent);
    q->stream = stream;
    q->port = stream ? 0 : draw_port(r);
    q->wrong = 0;
    q->phase = stream ? PHASE_OPEN : PHASE_SEND;
    q->at = ESTAB_NEVER; /* the clock runs from when it is handed out */
}

static void
ask_next_server(struct estab_resolver *r, struct estab_resolver_query *q)
{
    unsigned n = r->cfg.n_servers;

    q->attempt++;
    if (q->attempt >= r->cfg.attempts * n) {
        finish(r, q, q->answered ? ESTAB_ANSWER_FAILED : ESTAB_ANSWER_TIMED_OUT);
        return;
    }
    q->server = (q->server + 1) % n;
    q->plain = false;
    send_again(r, q, false);
}

/* `q` waits for the answer of another, and so do those who waited for `q`. */
static void
follow(struct estab_resolver *r, struct estab_resolver_query *q, unsigned leader)
{
    q->phase = PHASE_FOLLOW;
    q->leader = (uint8_t)(leader + 1);
    q->at = ESTAB_NEVER;
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        struct estab_resolver_query *f = &r->queries[i];

        if (f->id != 0 && f->phase == PHASE_FOLLOW && f->leader == index_of(r, q) + 1)
            f->leader = (uint8_t)(leader + 1);
    }
}

/* The name to ask for was settled. */
static void
begin_asking(struct estab_resolver *r, struct estab_resolver_query *q)
{
    if (r->cfg.n_servers == 0) {
        finish(r, q, ESTAB_ANSWER_NO_SERVER);
        return;
    }
    q->attempt = 0;
    q->plain = false;
    q->server = r->good;
    /* Two queries of the same question on their way double what a forger can guess; so the second
     * waits for the first. (RFC 5452 §5) */
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        const struct estab_resolver_query *o = &r->queries[i];

        if (o != q && o->id != 0 && o->phase < PHASE_FOLLOW && o->family == q->family &&
            o->candidate == q->candidate && o->links == 0 && q->links == 0 &&
            o->absolute == q->absolute && estab_dns_name_equal(&o->given, &q->given)) {
            follow(r, q, i);
            return;
        }
    }
    send_again(r, q, false);
}

static unsigned
dots_of(const struct estab_name *name)
{
    unsigned labels = 0;

    for (size_t at = 0; name->octets[at] != 0; at += 1u + name->octets[at])
        labels++;
    return labels == 0 ? 0 : labels - 1;
}

/* RFC 1123 §6.1.4.3: which name the candidate number is; false: there are no more. */
static bool
name_candidate(const struct estab_resolver *r, const struct estab_resolver_query *q,
               struct estab_name *out)
{
    unsigned n = r->cfg.n_search, i = q->candidate;
    bool first = dots_of(&q->given) >= r->cfg.ndots;

    *out = q->given;
    if (q->absolute || i > n)
        return i == 0;
    if (first ? i == 0 : i == n)
        return true;
    /* One that becomes too long cannot exist. */
    if (!estab_dns_name_append(out, &r->cfg.search[first ? i - 1 : i]))
        *out = (struct estab_name){ 0 };
    return true;
}

static void
next_candidate(struct estab_resolver *r, struct estab_resolver_query *q, estab_time now)
{
    q->candidate++;
    begin_candidate(r, q, now);
}

static void
begin_candidate(struct estab_resolver *r, struct estab_resolver_query *q, estab_time now)
{
    const struct estab_resolver_cached *c;

    while (name_candidate(r, q, &q->asked)) {
        c = q->asked.len != 0 ? find_cached(r, &q->asked, q->family, now) : NULL;
        if (q->asked.len != 0 && c == NULL) {
            q->links = 0;
            begin_asking(r, q);
            return;
        }
        if (c != NULL && c->kind == ESTAB_ANSWER_ADDRS) {
            q->answer.n = c->n;
            memcpy(q->answer.addrs, c->addrs, sizeof c->addrs);
            q->answer.cached = true;
            finish(r, q, ESTAB_ANSWER_ADDRS);
            return;
        }
        if (c != NULL && c->kind == ESTAB_ANSWER_NO_ADDRESS)
            q->saw_name = true;
        q->candidate++;
    }
    finish(r, q, q->saw_name ? ESTAB_ANSWER_NO_ADDRESS : ESTAB_ANSWER_NO_NAME);
}

/* --- names that need no server --- */

static void
add_addr(struct estab_answer *answer, const struct estab_addr *addr)
{
    for (unsigned i = 0; i < answer->n; i++)
        if (estab_addr_equal(&answer->addrs[i], addr))
            return;
    if (answer->n < ESTAB_RESOLVER_ADDRS)
        answer->addrs[answer->n++] = *addr;
}

/* RFC 6761 §6.3: localhost and what is below it never leave the host. */
static bool
is_localhost(const struct estab_name *name)
{
    static const struct estab_name localhost = {
        11, { 9, 'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't', 0 }
    };

    return estab_dns_name_is_under(name, &localhost);
}

static bool
answer_here(struct estab_resolver *r, struct estab_resolver_query *q)
{
    bool known = false;

    for (size_t i = 0; i < r->cfg.n_hosts; i++) {
        const struct estab_host_entry *e = &r->cfg.hosts[i];

        if (!estab_dns_name_equal(&e->name, &q->given))
            continue;
        known = true;
        if (e->addr.family == q->family)
            add_addr(&q->answer, &e->addr);
    }
    if (q->answer.n == 0 && is_localhost(&q->given)) {
        struct estab_addr a = { .family = q->family };

        a.bytes[q->family == ESTAB_INET ? 0 : 15] = q->family == ESTAB_INET ? 127 : 1;
        if (q->family == ESTAB_INET)
            a.bytes[3] = 1;
        add_addr(&q->answer, &a);
        known = true;
    }
    if (known)
        finish(r, q, q->answer.n > 0 ? ESTAB_ANSWER_ADDRS : ESTAB_ANSWER_NO_ADDRESS);
    return known;
}

int
estab_resolver_ask(struct estab_resolver *r, const char *name, unsigned family, uint32_t *query,
                   estab_time now)
{
    struct estab_resolver_query *q = NULL;
    struct estab_addr literal;
    struct estab_name given;
    bool is_literal = estab_addr_parse(&literal, name) == 0;

    if ((family != ESTAB_INET && family != ESTAB_INET6) ||
        (!is_literal && !estab_dns_name_parse(&given, name)))
        return -ESTAB_EINVAL;
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES && q == NULL; i++)
        if (r->queries[i].id == 0)
            q = &r->queries[i];
    if (q == NULL)
        return -ESTAB_ENOBUFS;
    memset(q, 0, sizeof *q);
    r->generation++;
    if (r->generation >= UINT32_MAX / ESTAB_RESOLVER_QUERIES)
        r->generation = 1;
    *query = q->id = r->generation * ESTAB_RESOLVER_QUERIES + index_of(r, q);
    q->family = (uint8_t)family;
    q->answer.query = q->id;
    q->answer.family = (uint8_t)family;
    if (is_literal) {
        if (literal.family == family)
            add_addr(&q->answer, &literal);
        finish(r, q, q->answer.n > 0 ? ESTAB_ANSWER_ADDRS : ESTAB_ANSWER_NO_ADDRESS);
        return 0;
    }
    q->given = given;
    q->absolute = name[strlen(name) - 1] == '.';
    if (!answer_here(r, q))
        begin_candidate(r, q, now);
    return 0;
}

/* The first of those that followed asks itself now, and the others follow it. */
static void
release_followers(struct estab_resolver *r, unsigned leader, estab_time now)
{
    unsigned next = 0;

    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        struct estab_resolver_query *q = &r->queries[i];

        if (q->id == 0 || q->phase != PHASE_FOLLOW || q->leader != leader + 1)
            continue;
        if (next == 0) {
            next = i + 1;
            begin_candidate(r, q, now);
        } else {
            q->leader = (uint8_t)next;
        }
    }
}

void
estab_resolver_cancel(struct estab_resolver *r, uint32_t query, estab_time now)
{
    struct estab_resolver_query *q = query_of(r, query);

    if (q == NULL)
        return;
    q->id = 0;
    release_followers(r, index_of(r, q), now);
}

bool
estab_resolver_next_answer(struct estab_resolver *r, struct estab_answer *out)
{
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++)
        if (r->queries[i].id != 0 && r->queries[i].phase == PHASE_DONE) {
            *out = r->queries[i].answer;
            r->queries[i].id = 0;
            return true;
        }
    return false;
}

/* --- out --- */

static void
write_message(struct estab_resolver *r, const struct estab_resolver_query *q,
              struct estab_resolver_message *out)
{
    size_t front = q->stream ? 2 : 0, len;

    out->query = q->id;
    out->to = r->cfg.servers[q->server];
    out->local_port = q->port;
    len = estab_dns_write_query(out->octets + front, q->id_sent, &q->sent,
                                q->family == ESTAB_INET ? DNS_A : DNS_AAAA,
                                q->plain ? 0 : r->cfg.udp_size);
    if (q->stream) { /* RFC 7766 §8: two octets of length in front */
        out->octets[0] = (uint8_t)(len >> 8);
        out->octets[1] = (uint8_t)len;
    }
    out->len = (uint16_t)(front + len);
}

bool
estab_resolver_next_datagram(struct estab_resolver *r, struct estab_resolver_message *out,
                             estab_time now)
{
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        struct estab_resolver_query *q = &r->queries[i];

        if (q->id == 0 || q->phase != PHASE_SEND)
            continue;
        write_message(r, q, out);
        q->phase = PHASE_WAIT;
        q->at = now + (r->cfg.timeout << q->attempt / r->cfg.n_servers);
        return true;
    }
    return false;
}

void
estab_resolver_port_taken(struct estab_resolver *r, uint32_t query)
{
    struct estab_resolver_query *q = query_of(r, query);

    if (q != NULL && q->phase == PHASE_WAIT)
        send_again(r, q, false);
}

bool
estab_resolver_next_stream(struct estab_resolver *r, struct estab_resolver_message *out,
                           estab_time now)
{
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        struct estab_resolver_query *q = &r->queries[i];

        if (q->id == 0 || q->phase != PHASE_OPEN)
            continue;
        write_message(r, q, out);
        q->phase = PHASE_STREAM;
        q->at = now + r->cfg.stream_timeout;
        return true;
    }
    return false;
}

bool
estab_resolver_expects(const struct estab_resolver *r, uint32_t query, uint16_t local_port)
{
    const struct estab_resolver_query *q = &r->queries[query % ESTAB_RESOLVER_QUERIES];

    if (query == 0 || q->id != query)
        return false;
    return local_port == 0 ? q->phase == PHASE_STREAM
                           : q->phase == PHASE_WAIT && q->port == local_port;
}

/* --- in --- */

/* One walk from a name over aliases to its addresses, within one message. */
struct walk {
    struct estab_name name;
    unsigned links;
    uint32_t ttl;
    bool moved, has_soa, bad;
    uint32_t negative_ttl;
};

/* The addresses of the walk's name, or the alias that it is: true when it has moved on. */
static bool
step(struct walk *w, const struct dns_reader *records, unsigned family, struct estab_answer *answer)
{
    struct dns_reader r = *records;
    struct dns_record record;
    struct estab_name target;
    struct estab_addr addr;
    unsigned seen = 0;
    bool alias = false;
    uint32_t alias_ttl = 0;

    while (seen++ < RECORDS_MAX && estab_dns_next_record(&r, &record)) {
        if (record.section != 1 || record.class != DNS_CLASS_IN ||
            !estab_dns_name_equal(&record.name, &w->name))
            continue;
        if (estab_dns_record_addr(&record, &addr) && addr.family == family) {
            add_addr(answer, &addr);
            w->ttl = record.ttl < w->ttl ? record.ttl : w->ttl;
        } else if (record.type == DNS_CNAME && !alias) {
            if (!estab_dns_record_name(&r, &record, &target)) {
                w->bad = true;
                return false;
            }
            alias = true;
            alias_ttl = record.ttl;
        } else if (record.type == (family == ESTAB_INET ? DNS_A : DNS_AAAA)) {
            w->bad = true; /* an address of another length */
            return false;
        }
    }
    w->bad = w->bad || r.bad;
    if (answer->n > 0 || !alias || w->bad)
        return false;
    w->name = target;
    w->ttl = alias_ttl < w->ttl ? alias_ttl : w->ttl;
    w->moved = true;
    return true;
}

/* RFC 2308 §5: how long "no" may be believed stands in the SOA of a zone the name is in. */
static void
find_soa(struct walk *w, const struct dns_reader *records)
{
    struct dns_reader r = *records;
    struct dns_record record;
    unsigned seen = 0;

    while (seen++ < RECORDS_MAX && estab_dns_next_record(&r, &record))
        if (record.section == 2 && estab_dns_name_is_under(&w->name, &record.name) &&
            estab_dns_soa_ttl(&r, &record, &w->negative_ttl)) {
            w->has_soa = true;
            return;
        }
}

static unsigned
say_no(struct estab_resolver *r, struct estab_resolver_query *q, const struct walk *w,
       const struct estab_name *asked, bool name_exists, estab_time now)
{
    uint32_t ttl = 0;

    q->answer.kind = name_exists ? ESTAB_ANSWER_NO_ADDRESS : ESTAB_ANSWER_NO_NAME;
    if (w->has_soa)
        ttl = w->negative_ttl < w->ttl ? w->negative_ttl : w->ttl;
    if (ttl > r->cfg.negative_ttl_max)
        ttl = r->cfg.negative_ttl_max;
    if (q->links == 0)
        keep(r, asked, q->family, &q->answer, ttl, now);
    if (name_exists)
        q->saw_name = true;
    next_candidate(r, q, now);
    return ESTAB_RESOLVER_NEGATIVE;
}

/* RFC 6891 §6.1.3: the upper bits of the code stand in the TTL of the OPT record. */
static bool
has_extended_error(const struct dns_reader *records)
{
    struct dns_reader r = *records;
    struct dns_record record;
    unsigned seen = 0;

    while (seen++ < RECORDS_MAX && estab_dns_next_record(&r, &record))
        if (record.type == DNS_OPT && record.ttl >> 24 != 0)
            return true;
    return false;
}

/* The records of a response that has been believed. */
static unsigned
take_records(struct estab_resolver *r, struct estab_resolver_query *q,
             const struct dns_reader *records, estab_time now)
{
    struct walk w = { .name = q->asked, .links = q->links, .ttl = UINT32_MAX };
    struct estab_name asked = q->asked;

    q->answer.n = 0;
    while (step(&w, records, q->family, &q->answer))
        if (++w.links > LINKS_MAX) {
            q->answered = true;
            finish(r, q, ESTAB_ANSWER_FAILED);
            return ESTAB_RESOLVER_MALFORMED;
        }
    if (w.bad) {
        q->answer.n = 0;
        ask_next_server(r, q);
        return ESTAB_RESOLVER_MALFORMED;
    }
    if (q->answer.n > 0) {
        q->answer.kind = ESTAB_ANSWER_ADDRS;
        /* After an alias of its own message only part of the way is known here. */
        if (q->links == 0)
            keep(r, &asked, q->family, &q->answer, w.ttl < r->cfg.ttl_max ? w.ttl : r->cfg.ttl_max,
                 now);
        finish(r, q, ESTAB_ANSWER_ADDRS);
        return ESTAB_RESOLVER_ANSWER;
    }
    find_soa(&w, records);
    /* RFC 6604 §3: the code is about the last name of the chain. */
    if (records->header.rcode == DNS_NXDOMAIN)
        return say_no(r, q, &w, &asked, w.moved || q->links > 0, now);
    /* RFC 2308 §2.2: neither records nor the SOA of a zone that lacks them, from a server that
     * neither holds the zone nor looks further: a referral, of no use here. */
    if (!w.moved && !w.has_soa && !records->header.aa && !records->header.ra) {
        ask_next_server(r, q);
        return ESTAB_RESOLVER_SERVER_FAILED;
    }
    if (!w.moved || w.has_soa)
        return say_no(r, q, &w, &asked, true, now);
    q->asked = w.name;
    q->links = (uint8_t)w.links;
    begin_asking(r, q);
    return ESTAB_RESOLVER_ALIAS;
}

/* A response from where it was expected, with the ID it should have. */
static unsigned
take_response(struct estab_resolver *r, struct estab_resolver_query *q, struct dns_reader *in,
              estab_time now)
{
    uint16_t type = q->family == ESTAB_INET ? DNS_A : DNS_AAAA;
    unsigned rcode = in->header.rcode;
    struct dns_question question;

    /* RFC 6891 §7: a server that does not know EDNS0 may send back a bare header. */
    if (in->header.counts[0] == 0 && (rcode == DNS_FORMERR || rcode == DNS_NOTIMP) && !q->plain) {
        q->plain = true;
        send_again(r, q, q->stream);
        return ESTAB_RESOLVER_NO_EDNS;
    }
    if (in->header.counts[0] != 1 || !estab_dns_next_question(in, &question) ||
        question.type != type || question.class != DNS_CLASS_IN ||
        !estab_dns_name_equal(&question.name, &q->sent))
        return ESTAB_RESOLVER_DROP_QUESTION;
    if (!q->stream && !estab_dns_name_same_octets(&question.name, &q->sent))
        return ESTAB_RESOLVER_DROP_CASE;
    q->answered = true;
    /* RFC 2181 §9: of what was cut off nothing is used. */
    if (in->header.tc && !q->stream) {
        send_again(r, q, true);
        return ESTAB_RESOLVER_TRUNCATED;
    }
    if ((rcode == DNS_FORMERR || rcode == DNS_NOTIMP) && !q->plain) {
        q->plain = true;
        send_again(r, q, q->stream);
        return ESTAB_RESOLVER_NO_EDNS;
    }
    if ((rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN) || has_extended_error(in)) {
        ask_next_server(r, q);
        return ESTAB_RESOLVER_SERVER_FAILED;
    }
    r->good = q->server;
    return take_records(r, q, in, now);
}

static unsigned
count(struct estab_resolver *r, unsigned verdict)
{
    r->verdicts[verdict]++;
    return verdict;
}

/* Somebody guesses, or something on the way changes what it passes on: over TCP nobody who does
 * not see the segments can answer. */
static unsigned
nearly(struct estab_resolver *r, struct estab_resolver_query *q, unsigned verdict)
{
    q->wrong++;
    if (q->wrong >= r->cfg.wrong_max || verdict == ESTAB_RESOLVER_DROP_CASE)
        send_again(r, q, true);
    return count(r, verdict);
}

static bool
is_server(const struct estab_resolver *r, const struct estab_resolver_query *q,
          const struct estab_endpoint *from)
{
    const struct estab_endpoint *server = &r->cfg.servers[q->server];

    return from->port == server->port && estab_addr_equal(&from->addr, &server->addr);
}

unsigned
estab_resolver_datagram(struct estab_resolver *r, uint16_t local_port,
                        const struct estab_endpoint *from, const uint8_t *data, size_t len,
                        estab_time now)
{
    struct estab_resolver_query *q = NULL;
    struct dns_reader in;
    unsigned verdict;

    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++)
        if (r->queries[i].id != 0 && r->queries[i].phase == PHASE_WAIT &&
            r->queries[i].port == local_port && (q == NULL || is_server(r, &r->queries[i], from)))
            q = &r->queries[i];
    if (q == NULL)
        return count(r, ESTAB_RESOLVER_DROP_NO_QUERY);
    if (!is_server(r, q, from))
        return count(r, ESTAB_RESOLVER_DROP_SERVER);
    if (!estab_dns_open(&in, data, len))
        return count(r, ESTAB_RESOLVER_DROP_SHORT);
    if (!in.header.qr || in.header.opcode != 0)
        return count(r, ESTAB_RESOLVER_DROP_NO_RESPONSE);
    if (in.header.id != q->id_sent)
        return nearly(r, q, ESTAB_RESOLVER_DROP_ID);
    verdict = take_response(r, q, &in, now);
    if (verdict >= ESTAB_RESOLVER_DROP_SHORT)
        return nearly(r, q, verdict);
    return count(r, verdict);
}

bool
estab_resolver_stream(struct estab_resolver *r, uint32_t query, const uint8_t *data, size_t len,
                      estab_time now)
{
    struct estab_resolver_query *q = query_of(r, query);
    struct dns_reader in;
    size_t whole;
    unsigned verdict;

    if (q == NULL || q->phase != PHASE_STREAM)
        return true;
    if (len < 2)
        return false;
    whole = (size_t)data[0] << 8 | data[1];
    if (len - 2 < whole)
        return false;
    if (!estab_dns_open(&in, data + 2, whole))
        verdict = ESTAB_RESOLVER_DROP_SHORT;
    else if (!in.header.qr || in.header.opcode != 0)
        verdict = ESTAB_RESOLVER_DROP_NO_RESPONSE;
    else if (in.header.id != q->id_sent)
        verdict = ESTAB_RESOLVER_DROP_ID;
    else
        verdict = take_response(r, q, &in, now);
    (void)count(r, verdict);
    /* What does not fit here is the server's fault: nobody else can write on its stream. */
    if (verdict >= ESTAB_RESOLVER_DROP_SHORT)
        ask_next_server(r, q);
    return true;
}

void
estab_resolver_failed(struct estab_resolver *r, uint32_t query, estab_time now)
{
    struct estab_resolver_query *q = query_of(r, query);

    (void)now;
    if (q != NULL && (q->phase == PHASE_WAIT || q->phase == PHASE_STREAM))
        ask_next_server(r, q);
}

/* --- time --- */

estab_time
estab_resolver_deadline(const struct estab_resolver *r)
{
    estab_time at = ESTAB_NEVER;

    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        const struct estab_resolver_query *q = &r->queries[i];

        if (q->id != 0 && (q->phase == PHASE_WAIT || q->phase == PHASE_STREAM) && q->at < at)
            at = q->at;
    }
    return at;
}

void
estab_resolver_timeouts(struct estab_resolver *r, estab_time now)
{
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        struct estab_resolver_query *q = &r->queries[i];

        if (q->id != 0 && (q->phase == PHASE_WAIT || q->phase == PHASE_STREAM) && now >= q->at)
            ask_next_server(r, q);
    }
}
