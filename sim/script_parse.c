/* SPDX-License-Identifier: MIT */
/*
 * The statements of the language, one a line; see script.h and docs/script.md. First come hosts
 * and links, then what happens and what is expected.
 */
#include "sim/script.h"

#include "sim/script_lesson.h"
#include "sim/script_segment.h"
#include "sim/script_settings.h"

#include "estab/estab.h"

#include <string.h>

struct parser {
    struct sim_script *s;
    struct sim_cursor c;
    bool has_seed, has_shown;
};

static const char *const keywords[] = {
    "host", "peer",   "link",           "seed",     "ladder", "lesson",  "title",  "claims",
    "at",   "within", "counterfactual", "question", "with",   "without", "harm",   "say",
    "drop", "hold",   "duplicate",      "alter",    "cut",    "mend",    "pause",  "starve",
    "feed", "tell",   "draw",           "forge",    "flood",  "reboot",  "expect", "free"
};

/* ---- names ---- */

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_name(struct sim_word w)
{
    if (w.len == 0 || w.len >= SIM_SCRIPT_NAME || !is_letter(w.s[0]))
        return false;
    for (size_t i = 0; i < w.len; i++)
        if (!is_letter(w.s[i]) && !(w.s[i] >= '0' && w.s[i] <= '9') && w.s[i] != '-' &&
            w.s[i] != '_')
            return false;
    return true;
}

static bool
is_keyword(struct sim_word w)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (sim_word_is(w, keywords[i]))
            return true;
    return false;
}

static void
set_name(struct sim_script_name *name, struct sim_word w)
{
    memset(name, 0, sizeof *name);
    memcpy(name->text, w.s, w.len);
}

/* Index; SIM_SCRIPT_ALL_HOSTS: no host has this name. */
static uint32_t
host_of(const struct sim_script *s, struct sim_word w)
{
    for (uint32_t i = 0; i < s->n_hosts; i++)
        if (sim_word_is(w, s->host[i].name.text))
            return i;
    return SIM_SCRIPT_ALL_HOSTS;
}

static bool
expected_host(struct parser *p, const char *before)
{
    char room[200];
    struct sim_text t = SIM_TEXT(room);

    sim_text_put(&t, before);
    sim_text_put(&t, "a host");
    for (uint32_t i = 0; i < p->s->n_hosts; i++) {
        sim_text_put(&t, i == 0 ? " (" : ", ");
        sim_text_put(&t, p->s->host[i].name.text);
    }
    sim_text_put(&t, p->s->n_hosts > 0 ? ")" : " (none has been named yet)");
    return sim_expected(&p->c, room);
}

static bool
take_host(struct parser *p, uint32_t *host)
{
    struct sim_word w = sim_peek(&p->c);

    *host = host_of(p->s, w);
    if (*host == SIM_SCRIPT_ALL_HOSTS)
        return expected_host(p, "");
    sim_skip(&p->c, w.len);
    return true;
}

/* HOST or HOST.CONNECTION, if the next word is one. */
static bool
is_connection(struct parser *p, uint32_t *host, struct sim_word *name)
{
    struct sim_word w = sim_peek(&p->c);
    const char *dot = w.len != 0 ? memchr(w.s, '.', w.len) : NULL;

    *name = (struct sim_word){ w.s, 0 };
    if (dot != NULL) {
        *name = (struct sim_word){ dot + 1, (size_t)(w.s + w.len - dot) - 1 };
        w.len = (size_t)(dot - w.s);
        if (!is_name(*name))
            return false;
    }
    *host = host_of(p->s, w);
    return *host != SIM_SCRIPT_ALL_HOSTS;
}

static bool
take_connection(struct parser *p, struct sim_script_line *l, const char *before)
{
    struct sim_word w = sim_peek(&p->c), name;
    uint32_t i = 1;

    if (!is_connection(p, &l->host, &name))
        return expected_host(p, before);
    if (name.len == 0) {
        sim_skip(&p->c, w.len);
        return true;
    }
    while (i < p->s->n_names && !sim_word_is(name, p->s->name[i].text))
        i++;
    if (i == SIM_SCRIPT_NAMES)
        return sim_wrong(&p->c, name.s, "too many names of connections: at most 15");
    if (i == p->s->n_names)
        set_name(&p->s->name[p->s->n_names++], name);
    l->conn = i;
    sim_skip(&p->c, w.len);
    return true;
}

static bool
take_number(struct parser *p, uint64_t min, uint64_t max, const char *what, uint32_t *out)
{
    struct sim_word w = sim_peek(&p->c);
    uint64_t n;

    if (!sim_word_number(w, max, &n) || n < min)
        return sim_expected(&p->c, what);
    *out = (uint32_t)n;
    sim_skip(&p->c, w.len);
    return true;
}

static bool
take_time(struct parser *p, estab_time *out)
{
    struct sim_word w = sim_peek(&p->c);

    if (!sim_word_duration(w, out))
        return sim_expected(&p->c, "a time such as 10ms, 5s or 2h12m30s");
    sim_skip(&p->c, w.len);
    return true;
}

/* ---- hosts and links ---- */

static bool
parse_host(struct parser *p, bool is_peer)
{
    struct sim_script_host *h = &p->s->host[p->s->n_hosts];
    struct sim_word w = sim_peek(&p->c);
    char address[ESTAB_ADDR_TEXT];

    if (p->s->n_hosts == SIM_SCRIPT_HOSTS)
        return sim_wrong(&p->c, w.s, "too many hosts: at most 8");
    if (is_peer && p->s->peer != SIM_SCRIPT_ALL_HOSTS)
        return sim_wrong(&p->c, w.s, "there is a peer already: a script plays one");
    if (!is_name(w))
        return sim_expected(&p->c, "a name, of letters, digits, - and _");
    if (is_keyword(w))
        return sim_wrong(&p->c, w.s, "this word has a meaning of its own: another name is wanted");
    if (host_of(p->s, w) != SIM_SCRIPT_ALL_HOSTS)
        return sim_wrong(&p->c, w.s, "there is a host of this name already");
    set_name(&h->name, w);
    sim_skip(&p->c, w.len);
    h->line = p->c.line;
    h->is_peer = is_peer;
    estab_config_init(&h->cfg);
    if (is_peer)
        p->s->peer = p->s->n_hosts;
    p->s->n_hosts++;
    w = sim_peek(&p->c);
    if (w.len > 0 && w.len < sizeof address && memchr(w.s, '=', w.len) == NULL) {
        memcpy(address, w.s, w.len);
        address[w.len] = '\0';
        if (estab_addr_parse(&h->addr, address) < 0)
            return sim_expected(&p->c, is_peer ? "an address" : "an address or a setting");
        if (estab_addr_is_any(&h->addr) || estab_addr_is_multicast(&h->addr) ||
            estab_addr_is_loopback(&h->addr))
            return sim_expected(&p->c, "an address that a host can have");
        sim_skip(&p->c, w.len);
    }
    while (!is_peer && !sim_at_end(&p->c))
        if (!sim_setting_host(&p->c, h))
            return false;
    return true;
}

static bool
parse_link(struct parser *p)
{
    struct sim_script_link *l = &p->s->link[p->s->n_links];
    const char *at = p->c.at;

    if (p->s->n_links == SIM_SCRIPT_LINKS)
        return sim_wrong(&p->c, at, "too many links: at most 8");
    *l = (struct sim_script_link){ .line = p->c.line, .mtu = 1500 };
    if (!take_host(p, &l->host[0]))
        return false;
    at = sim_peek(&p->c).s;
    if (!take_host(p, &l->host[1]))
        return false;
    if (l->host[0] == l->host[1])
        return sim_wrong(&p->c, at, "a link joins two hosts");
    for (uint32_t i = 0; i < p->s->n_links; i++)
        if ((p->s->link[i].host[0] == l->host[0] && p->s->link[i].host[1] == l->host[1]) ||
            (p->s->link[i].host[0] == l->host[1] && p->s->link[i].host[1] == l->host[0]))
            return sim_wrong(&p->c, at, "these hosts have a link already");
    while (!sim_at_end(&p->c))
        if (!sim_setting_link(&p->c, l))
            return false;
    p->s->n_links++;
    return true;
}

static bool
parse_seed(struct parser *p)
{
    struct sim_word w = sim_peek(&p->c);

    if (!sim_word_number(w, UINT64_MAX, &p->s->seed))
        return sim_expected(&p->c, "a number");
    sim_skip(&p->c, w.len);
    return true;
}

static bool
parse_ladder(struct parser *p)
{
    p->has_shown = true;
    return take_host(p, &p->s->shown[0]) && take_host(p, &p->s->shown[1]);
}

/* ---- calls ---- */

static bool
parse_result(struct parser *p, struct sim_script_line *l)
{
    static const struct {
        const char *name;
        int value;
    } errors[] = {
#define X(name, value, text) { #name, value },
        ESTAB_ERRORS(X)
#undef X
    };
    struct sim_word w;
    uint64_t n;

    if (!sim_take_mark(&p->c, "->"))
        return sim_at_end(&p->c) ||
               sim_expected(&p->c, "`->` and a result, or the end of the line");
    w = sim_peek(&p->c);
    l->result_column = sim_column(&p->c, w.s);
    if (sim_word_is(w, "ok")) {
        l->result = SIM_RESULT_OK;
    } else if (sim_word_number(w, SIM_SCRIPT_SEND, &n) &&
               (l->call == SIM_CALL_SEND || l->call == SIM_CALL_RECEIVE)) {
        l->result = SIM_RESULT_NUMBER;
        l->result_number = (int64_t)n;
    } else if (sim_word_is(w, "end") && l->call == SIM_CALL_RECEIVE) {
        l->result = SIM_RESULT_END;
    } else if (!sim_at_end(&p->c) && *p->c.at == '"' && l->call == SIM_CALL_RECEIVE) {
        l->result = SIM_RESULT_TEXT;
        return sim_take_text(&p->c, p->s, &l->result_text);
    } else {
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
            if (sim_word_is(w, errors[i].name)) {
                l->result = SIM_RESULT_ERROR;
                l->result_number = -errors[i].value;
            }
        }
        if (l->result != SIM_RESULT_ERROR)
            return sim_expected(&p->c, l->call == SIM_CALL_RECEIVE ? "a text in quotation marks, a "
                                                                     "number, end, ok or an error "
                                                                     "such as ECONNRESET"
                                       : l->call == SIM_CALL_SEND
                                           ? "a number, ok or an error such as EPIPE"
                                           : "ok or an error such as ECONNREFUSED");
    }
    sim_skip(&p->c, w.len);
    return true;
}

static bool
take_port(struct parser *p, uint16_t *port)
{
    uint32_t n;

    if (!take_number(p, 1, 65535, "a port, 1 to 65535", &n))
        return false;
    *port = (uint16_t)n;
    return true;
}

static bool
parse_listen(struct parser *p, struct sim_script_line *l)
{
    struct sim_word value;

    l->backlog = 16;
    if (!take_port(p, &l->port))
        return false;
    if (!sim_take_key(&p->c, "backlog", &value))
        return true;
    return take_number(p, 1, 65535, "a number, 1 to 65535", &l->backlog);
}

/* HOST:PORT, and from=PORT */
static bool
parse_connect(struct parser *p, struct sim_script_line *l)
{
    struct sim_word w = sim_peek(&p->c), value;
    const char *colon = w.len != 0 ? memchr(w.s, ':', w.len) : NULL;
    uint64_t port;

    if (colon == NULL)
        return sim_expected(&p->c, "a host and a port such as server:80");
    l->other = host_of(p->s, (struct sim_word){ w.s, (size_t)(colon - w.s) });
    if (l->other == SIM_SCRIPT_ALL_HOSTS)
        return expected_host(p, "");
    if (!sim_word_number((struct sim_word){ colon + 1, (size_t)(w.s + w.len - colon) - 1 }, 65535,
                         &port) ||
        port == 0)
        return sim_wrong(&p->c, colon + 1, "expected a port, 1 to 65535, after the colon");
    if (l->other == l->host)
        return sim_wrong(&p->c, w.s, "a host connects to another one");
    l->port = (uint16_t)port;
    sim_skip(&p->c, w.len);
    return !sim_take_key(&p->c, "from", &value) || take_port(p, &l->local_port);
}

static bool
parse_send(struct parser *p, struct sim_script_line *l)
{
    l->has_text = !sim_at_end(&p->c) && *p->c.at == '"';
    if (l->has_text)
        return sim_take_text(&p->c, p->s, &l->text);
    return take_number(p, 1, SIM_SCRIPT_SEND, "a text in quotation marks or a number of octets",
                       &l->number);
}

static bool
parse_receive(struct parser *p, struct sim_script_line *l)
{
    struct sim_word w = sim_peek(&p->c);

    if (w.len > 0 &&
        !take_number(p, 1, SIM_SCRIPT_SEND, "a number of octets, or `->` and a result", &l->number))
        return false;
    if (!parse_result(p, l))
        return false;
    if (l->number == 0 && l->result == SIM_RESULT_NUMBER)
        l->number = (uint32_t)l->result_number;
    if (l->number == 0 && l->result == SIM_RESULT_TEXT)
        l->number = l->result_text.len;
    if (l->number == 0)
        l->number = SIM_SCRIPT_SEND;
    return true;
}

static bool
parse_pour(struct parser *p, struct sim_script_line *l)
{
    return take_number(p, 1, INT32_MAX, "a number of octets", &l->number);
}

static bool
parse_set(struct parser *p, struct sim_script_line *l)
{
    do {
        if (!sim_setting_tcp(&p->c, &l->options, &l->options_given))
            return false;
    } while (sim_peek(&p->c).len > 0);
    return true;
}

static bool
parse_call(struct parser *p, struct sim_script_line *l)
{
    static const char *const names[] = { "listen", "unlisten", "connect",  "accept",
                                         "send",   "receive",  "shutdown", "close",
                                         "abort",  "set",      "drain",    "pour" };
    struct sim_word w;
    unsigned call = 0;
    bool good = true;

    if (!take_connection(p, l, "a statement (say, expect, drop, ...), a segment, or "))
        return false;
    l->kind = SIM_LINE_CALL;
    w = sim_peek(&p->c);
    if (p->s->host[l->host].is_peer)
        return sim_wrong(&p->c, w.s, "the peer has no calls: `<` sends a segment in its name");
    while (call < sizeof names / sizeof names[0] && !sim_word_is(w, names[call]))
        call++;
    if (call == sizeof names / sizeof names[0])
        return sim_expected(&p->c, "a call: listen, unlisten, connect, accept, send, receive, "
                                   "shutdown, close, abort, set, drain or pour");
    sim_skip(&p->c, w.len);
    l->call = (enum sim_script_call)call;
    switch (l->call) {
    case SIM_CALL_LISTEN:
        good = parse_listen(p, l);
        break;
    case SIM_CALL_CONNECT:
        good = parse_connect(p, l);
        break;
    case SIM_CALL_UNLISTEN:
    case SIM_CALL_ACCEPT:
        good = sim_peek(&p->c).len == 0 || take_port(p, &l->port);
        break;
    case SIM_CALL_SEND:
        good = parse_send(p, l);
        break;
    case SIM_CALL_RECEIVE:
        return parse_receive(p, l);
    case SIM_CALL_SET:
        good = parse_set(p, l);
        break;
    case SIM_CALL_POUR:
        good = parse_pour(p, l);
        break;
    case SIM_CALL_SHUTDOWN:
    case SIM_CALL_CLOSE:
    case SIM_CALL_ABORT:
    case SIM_CALL_DRAIN:
        break;
    }
    return good && parse_result(p, l);
}

/* ---- expectations ---- */

static bool
parse_state(struct parser *p, struct sim_script_line *l)
{
    struct sim_word w = sim_peek(&p->c);

    for (unsigned i = 0; i <= ESTAB_TCPS_TIME_WAIT; i++) {
        if (sim_word_is(w, estab_state_name(i))) {
            sim_skip(&p->c, w.len);
            l->state = (uint8_t)i;
            return true;
        }
    }
    return false;
}

/* The word of a table of trace.h. */
static bool
take_trace_word(struct parser *p, struct sim_script_line *l)
{
    static const char *const wanted[] = { "the name of a verdict such as DROP_PAWS",
                                          "the name of a reason such as CHALLENGE_ACK",
                                          "the name of a cause such as KEEPALIVE_FAILED" };
    const unsigned n[] = { ESTAB_VERDICT_COUNT, ESTAB_REASON_COUNT, ESTAB_CAUSE_COUNT };
    unsigned table = (unsigned)l->count - SIM_COUNT_VERDICT;
    struct sim_word w = sim_peek(&p->c);

    for (unsigned i = 1; i < n[table]; i++) {
        const char *name = table == 0   ? estab_verdict_name(i)
                           : table == 1 ? estab_reason_name(i)
                                        : estab_cause_name(i);

        if (sim_word_is(w, name)) {
            l->word = i;
            sim_skip(&p->c, w.len);
            return true;
        }
    }
    return sim_expected(&p->c, wanted[table]);
}

static bool
parse_count(struct parser *p, struct sim_script_line *l)
{
    static const char *const names[] = { "connections",  "half-open", "time-wait", "listeners",
                                         "timers",       "ports",     "bytes",     "record-bytes",
                                         "buffer-bytes", "received",  "sent",      "octets",
                                         "again",        "lost",      "verdict",   "reason",
                                         "cause" };
    struct sim_word w = sim_peek(&p->c);
    unsigned i = 0;

    while (i < sizeof names / sizeof names[0] && !sim_word_is(w, names[i]))
        i++;
    if (i == sizeof names / sizeof names[0])
        return sim_expected(&p->c, "a state such as TIME-WAIT, `free`, or what is to be counted: "
                                   "connections, half-open, time-wait, listeners, timers, ports, "
                                   "bytes, record-bytes, buffer-bytes, received, sent, octets, "
                                   "again, lost, verdict, reason, cause");
    l->kind = SIM_LINE_EXPECT_COUNT;
    l->count = (enum sim_script_count)i;
    sim_skip(&p->c, w.len);
    if (l->count >= SIM_COUNT_VERDICT && !take_trace_word(p, l))
        return false;
    if (l->count >= SIM_COUNT_VERDICT && sim_at_end(&p->c)) {
        l->number = 1;
        l->compare = SIM_AT_LEAST;
        return true;
    }
    if (sim_take(&p->c, "at-least"))
        l->compare = SIM_AT_LEAST;
    else if (sim_take(&p->c, "at-most"))
        l->compare = SIM_AT_MOST;
    return take_number(p, 0, INT32_MAX, "a number", &l->number);
}

static bool
parse_expect(struct parser *p, struct sim_script_line *l)
{
    const char *at;

    l->kind = SIM_LINE_EXPECT_FREE;
    l->host = SIM_SCRIPT_ALL_HOSTS;
    if (sim_take(&p->c, "free"))
        return true;
    at = sim_peek(&p->c).s;
    if (!take_connection(p, l, "`free` or "))
        return false;
    if (p->s->host[l->host].is_peer)
        return sim_wrong(&p->c, at, "the peer has no states of its own: the script plays it");
    if (sim_take(&p->c, "free"))
        return true;
    if (parse_state(p, l)) {
        l->kind = SIM_LINE_EXPECT_STATE;
        return true;
    }
    if (l->conn != 0)
        return sim_expected(&p->c, "a state such as TIME-WAIT");
    return parse_count(p, l);
}

/* ---- faults ---- */

static bool
parse_which(struct parser *p, struct sim_hold *h)
{
    struct sim_word w = sim_peek(&p->c), digits;
    uint64_t n;

    if (sim_take(&p->c, "every")) {
        h->every = true;
        return true;
    }
    if (sim_take(&p->c, "next"))
        return true;
    if (w.len < 3 || w.s[0] < '0' || w.s[0] > '9')
        return true;
    digits = (struct sim_word){ w.s, w.len - 2 };
    if (!sim_word_number(digits, 1000000, &n) || n == 0 ||
        !(w.s[w.len - 2] >= 'a' && w.s[w.len - 2] <= 'z'))
        return sim_expected(&p->c, "which one: next, 2nd, 3rd, ... or every");
    h->nth = (uint32_t)n - 1;
    sim_skip(&p->c, w.len);
    return true;
}

static bool
parse_filter(struct parser *p, struct sim_hold *h)
{
    static const struct {
        const char *name;
        uint8_t mask, ctl;
        bool with_text, without_text;
    } filters[] = {
        { "SYN", ESTAB_CTL_SYN | ESTAB_CTL_ACK, ESTAB_CTL_SYN, false, false },
        { "SYN,ACK", ESTAB_CTL_SYN | ESTAB_CTL_ACK, ESTAB_CTL_SYN | ESTAB_CTL_ACK, false, false },
        { "ACK", ESTAB_CTL_SYN | ESTAB_CTL_FIN | ESTAB_CTL_RST | ESTAB_CTL_ACK, ESTAB_CTL_ACK,
          false, true },
        { "FIN", ESTAB_CTL_FIN, ESTAB_CTL_FIN, false, false },
        { "RST", ESTAB_CTL_RST, ESTAB_CTL_RST, false, false },
        { "data", 0, 0, true, false },
        { "any", 0, 0, false, false },
    };
    struct sim_word w = sim_peek(&p->c);

    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (!sim_word_is(w, filters[i].name))
            continue;
        h->ctl_mask = filters[i].mask;
        h->ctl = filters[i].ctl;
        h->with_text = filters[i].with_text;
        h->without_text = filters[i].without_text;
        sim_skip(&p->c, w.len);
        return true;
    }
    return sim_expected(&p->c, "a segment: SYN, SYN,ACK, ACK, FIN, RST, data or any; before it "
                               "perhaps which one: 2nd, 3rd, ... or every");
}

/* drop HOST WHICH WHAT [to HOST]; hold ... for TIME | until TIME; duplicate ... after | until */
static bool
parse_fault(struct parser *p, struct sim_script_line *l, enum sim_hold_action action)
{
    static const char *const words[] = { "for", "", "after", "" };

    l->kind = SIM_LINE_FAULT;
    l->other = SIM_SCRIPT_ALL_HOSTS;
    l->hold.action = action;
    if (!take_host(p, &l->host) || !parse_which(p, &l->hold) || !parse_filter(p, &l->hold))
        return false;
    if (sim_take(&p->c, "to") && !take_host(p, &l->other))
        return false;
    if (action == SIM_HOLD_DROP || action == SIM_HOLD_ALTER)
        return true;
    if (sim_take(&p->c, "until")) {
        l->hold_until = true;
        return take_time(p, &l->hold.release_at);
    }
    if (sim_take(&p->c, words[action]))
        return take_time(p, &l->hold.release_after);
    return action == SIM_HOLD_DUPLICATE ? sim_at_end(&p->c) || sim_expected(&p->c, "`after` and a "
                                                                                   "time, or "
                                                                                   "`until` and an "
                                                                                   "instant")
                                        : sim_expected(&p->c, "`for` and a time, or `until` and an "
                                                              "instant");
}

static bool
parse_two_hosts(struct parser *p, struct sim_script_line *l, enum sim_script_kind kind)
{
    l->kind = kind;
    return take_host(p, &l->host) && take_host(p, &l->other);
}

/* reboot HOST [secret=same|new] */
static bool
parse_reboot(struct parser *p, struct sim_script_line *l)
{
    struct sim_word value;

    l->kind = SIM_LINE_REBOOT;
    if (!take_host(p, &l->host))
        return false;
    if (!sim_take_key(&p->c, "secret", &value))
        return true;
    l->same_secret = sim_word_is(value, "same");
    if (!l->same_secret && !sim_word_is(value, "new"))
        return sim_expected(&p->c, "`same` or `new`");
    sim_skip(&p->c, value.len);
    return true;
}

/* pause HOST for TIME */
static bool
parse_pause(struct parser *p, struct sim_script_line *l)
{
    l->kind = SIM_LINE_PAUSE;
    if (!take_host(p, &l->host))
        return false;
    if (!sim_take(&p->c, "for"))
        return sim_expected(&p->c, "`for` and a time");
    return take_time(p, &l->hold.release_after);
}

static bool
parse_one_host(struct parser *p, struct sim_script_line *l, enum sim_script_kind kind)
{
    l->kind = kind;
    return take_host(p, &l->host);
}

/* draw on | off */
static bool
parse_draw(struct parser *p, struct sim_script_line *l)
{
    l->kind = SIM_LINE_DRAW;
    l->number = sim_take(&p->c, "on");
    return l->number != 0 || sim_take(&p->c, "off") || sim_expected(&p->c, "`on` or `off`");
}

/* forge HOST to HOST [blind] BITS FIELDS */
static bool
parse_forge(struct parser *p, struct sim_script_line *l)
{
    const char *at;

    l->kind = SIM_LINE_FORGE;
    if (!take_host(p, &l->host))
        return false;
    if (!sim_take(&p->c, "to"))
        return sim_expected(&p->c, "`to` and the host it is for");
    at = sim_peek(&p->c).s;
    if (!take_host(p, &l->other))
        return false;
    if (l->other == p->s->peer || l->other == l->host)
        return sim_wrong(&p->c, at,
                         "expected a whole host, and another one than that it is "
                         "forged in the name of");
    l->is_blind = sim_take(&p->c, "blind");
    return sim_segment_parse(&p->c, p->s, false, &l->segment);
}

/* flood HOST:PORT N [gap=TIME] */
static bool
parse_flood(struct parser *p, struct sim_script_line *l)
{
    struct sim_word value;

    l->kind = SIM_LINE_FLOOD;
    l->host = SIM_SCRIPT_ALL_HOSTS;
    if (!parse_connect(p, l))
        return false;
    if (l->other == p->s->peer)
        return sim_wrong(&p->c, p->c.at, "the peer cannot be flooded");
    if (!take_number(p, 1, SIM_SCRIPT_FLOOD, "how many SYNs, 1 to 100000", &l->number))
        return false;
    if (!sim_take_key(&p->c, "gap", &value))
        return true;
    return take_time(p, &l->hold.release_after);
}

/* ---- lines ---- */

static bool
parse_say(struct parser *p, struct sim_script_line *l)
{
    l->kind = SIM_LINE_SAY;
    if (sim_take(&p->c, "en"))
        l->language = SIM_SAY_ENGLISH;
    else if (sim_take(&p->c, "zh"))
        l->language = SIM_SAY_CHINESE;
    else if (sim_at_end(&p->c) || *p->c.at != '"')
        return sim_expected(&p->c, "en or zh, and a text in quotation marks");
    p->s->has_language[l->language] = true;
    return sim_take_text(&p->c, p->s, &l->text);
}

static bool
parse_time(struct parser *p, struct sim_script_line *l)
{
    if (sim_take_mark(&p->c, "+")) {
        l->when = SIM_WHEN_AFTER;
        if (!take_time(p, &l->time))
            return false;
    } else if (sim_take(&p->c, "at")) {
        l->when = SIM_WHEN_AT;
        if (!take_time(p, &l->time))
            return false;
    }
    return !sim_take(&p->c, "within") || take_time(p, &l->within);
}

static bool
parse_what(struct parser *p, struct sim_script_line *l)
{
    if (sim_take_mark(&p->c, "<") || sim_take_mark(&p->c, ">")) {
        bool is_expected = p->c.at[-1] == '>';

        if (p->s->peer == SIM_SCRIPT_ALL_HOSTS)
            return sim_wrong(&p->c, p->c.at - 1,
                             "segments are the business of a peer, and there is none: `peer NAME` "
                             "makes one");
        if (is_expected && sim_take(&p->c, "nothing")) {
            l->kind = SIM_LINE_AWAIT_NOTHING;
            return true;
        }
        l->kind = is_expected ? SIM_LINE_AWAIT : SIM_LINE_INJECT;
        return sim_segment_parse(&p->c, p->s, is_expected, &l->segment);
    }
    if (sim_take(&p->c, "say"))
        return parse_say(p, l);
    if (sim_take(&p->c, "expect"))
        return parse_expect(p, l);
    if (sim_take(&p->c, "drop"))
        return parse_fault(p, l, SIM_HOLD_DROP);
    if (sim_take(&p->c, "hold"))
        return parse_fault(p, l, SIM_HOLD_DELAY);
    if (sim_take(&p->c, "duplicate"))
        return parse_fault(p, l, SIM_HOLD_DUPLICATE);
    if (sim_take(&p->c, "alter"))
        return parse_fault(p, l, SIM_HOLD_ALTER);
    if (sim_take(&p->c, "cut"))
        return parse_two_hosts(p, l, SIM_LINE_CUT);
    if (sim_take(&p->c, "mend"))
        return parse_two_hosts(p, l, SIM_LINE_MEND);
    if (sim_take(&p->c, "reboot"))
        return parse_reboot(p, l);
    if (sim_take(&p->c, "pause"))
        return parse_pause(p, l);
    if (sim_take(&p->c, "starve"))
        return parse_one_host(p, l, SIM_LINE_STARVE);
    if (sim_take(&p->c, "feed"))
        return parse_one_host(p, l, SIM_LINE_FEED);
    if (sim_take(&p->c, "tell")) {
        l->kind = SIM_LINE_TELL;
        return take_connection(p, l, "");
    }
    if (sim_take(&p->c, "draw"))
        return parse_draw(p, l);
    if (sim_take(&p->c, "forge"))
        return parse_forge(p, l);
    if (sim_take(&p->c, "flood"))
        return parse_flood(p, l);
    return parse_call(p, l);
}

/* Only what may take a while can be waited for. */
static bool
may_wait(const struct sim_script_line *l)
{
    switch (l->kind) {
    case SIM_LINE_AWAIT:
    case SIM_LINE_EXPECT_STATE:
    case SIM_LINE_EXPECT_FREE:
    case SIM_LINE_EXPECT_COUNT:
        return true;
    case SIM_LINE_CALL:
        return l->call == SIM_CALL_ACCEPT || l->call == SIM_CALL_RECEIVE;
    default:
        return false;
    }
}

/* Without which rules a line is played, and how. */
static bool
parse_mode(struct parser *p, struct sim_script_line *l)
{
    static const char *const words[] = { "", "with", "without", "harm" };

    for (unsigned i = SIM_PLAY_WITH; i <= SIM_PLAY_HARM; i++) {
        if (!sim_take(&p->c, words[i]))
            continue;
        l->mode = (enum sim_script_mode)i;
        return sim_lesson_rules(&p->c, p->s, &l->rules);
    }
    return true;
}

/* A harm is something that can be seen. */
static bool
can_be_seen(const struct sim_script_line *l)
{
    return l->kind == SIM_LINE_EXPECT_STATE || l->kind == SIM_LINE_EXPECT_FREE ||
           l->kind == SIM_LINE_EXPECT_COUNT ||
           (l->kind == SIM_LINE_CALL && l->result != SIM_RESULT_NONE);
}

static bool
parse_action(struct parser *p)
{
    struct sim_script_line l = { .line = p->c.line };
    void *lines = p->s->lines;
    const char *at;

    if (p->s->n_lines == SIM_SCRIPT_LINES)
        return sim_wrong(&p->c, p->c.at, "too many lines");
    if (!parse_mode(p, &l) || !parse_time(p, &l))
        return false;
    if (sim_at_end(&p->c))
        return sim_expected(&p->c, "what happens then");
    at = p->c.at;
    l.column = sim_column(&p->c, at);
    if (!parse_what(p, &l))
        return false;
    if (l.within != 0 && !may_wait(&l))
        return sim_wrong(
            &p->c, at, "`within` goes with accept, receive, expect and `>`: this happens at once");
    if (l.mode == SIM_PLAY_HARM && !can_be_seen(&l))
        return sim_wrong(&p->c, at, "a harm is an `expect`, or a call with a result");
    if (!sim_grow(&p->s->from, &lines, &p->s->cap_lines, p->s->n_lines + 1, sizeof l))
        return sim_wrong(&p->c, at, "no memory for this line");
    p->s->lines = lines;
    p->s->lines[p->s->n_lines++] = l;
    return true;
}

static bool
parse_line(struct parser *p)
{
    static const char *const setup[] = { "host", "peer", "link", "seed", "ladder" };
    struct sim_word w = sim_peek(&p->c);
    unsigned i = 0;
    bool good, taken;

    if (sim_at_end(&p->c))
        return true;
    good = sim_lesson_parse(&p->c, p->s, &taken);
    if (taken)
        return good && (sim_at_end(&p->c) || sim_expected(&p->c, "the end of the line"));
    while (i < sizeof setup / sizeof setup[0] && !sim_word_is(w, setup[i]))
        i++;
    if (i == sizeof setup / sizeof setup[0]) {
        good = parse_action(p);
    } else {
        if (p->s->n_lines > 0)
            return sim_wrong(&p->c, w.s,
                             "hosts, links, seed and ladder come before all that "
                             "happens");
        sim_skip(&p->c, w.len);
        good = i <= 1   ? parse_host(p, i == 1)
               : i == 2 ? parse_link(p)
               : i == 3 ? parse_seed(p)
                        : parse_ladder(p);
    }
    return good && (sim_at_end(&p->c) || sim_expected(&p->c, "the end of the line"));
}

/* ---- the whole ---- */

static bool
is_same_network(const struct estab_addr *a, const struct estab_addr *b)
{
    return a->family == b->family &&
           memcmp(a->bytes, b->bytes, a->family == ESTAB_INET ? 3 : 8) == 0 &&
           !estab_addr_equal(a, b);
}

/* What can be judged when all hosts and links are known; the error is told at their line. */
static bool
check_whole(struct parser *p)
{
    struct sim_script *s = p->s;

    p->c.line_start = p->c.at = p->c.end = "";
    p->c.line = 1;
    if (s->n_hosts == 0)
        return sim_wrong(&p->c, p->c.at, "a script needs a host: `host NAME`");
    if (s->n_links == 0 && s->n_hosts == 2)
        s->link[s->n_links++] =
            (struct sim_script_link){ .line = s->host[1].line, .host = { 0, 1 }, .mtu = 1500 };
    for (uint32_t i = 0; i < s->n_hosts; i++) {
        uint32_t links = 0;

        for (uint32_t k = 0; k < s->n_links; k++)
            links += s->link[k].host[0] == i || s->link[k].host[1] == i;
        p->c.line = s->host[i].line;
        if (links > 1 && s->host[i].addr.family != 0)
            return sim_wrong(&p->c, p->c.at,
                             "a host with several links has an address on each: "
                             "none can be given here");
        if (i == s->peer && links != 1)
            return sim_wrong(&p->c, p->c.at, "a peer has one link");
    }
    for (uint32_t k = 0; k < s->n_links; k++) {
        struct sim_script_link *l = &s->link[k];
        const struct estab_addr *a = &s->host[l->host[0]].addr, *b = &s->host[l->host[1]].addr;

        p->c.line = l->line;
        if ((a->family != 0 || b->family != 0) && !is_same_network(a, b))
            return sim_wrong(&p->c, p->c.at,
                             "the two hosts of a link have addresses of one network "
                             "(the first 24 bits of IPv4, 64 of IPv6), or none");
        if (l->cfg.ethernet && (l->host[0] == s->peer || l->host[1] == s->peer))
            return sim_wrong(&p->c, p->c.at, "the link of a peer carries IP packets");
        l->v6 = l->v6 || a->family == ESTAB_INET6;
        if (l->v6 && (l->mtu < 1280 || a->family == ESTAB_INET))
            return sim_wrong(&p->c, p->c.at,
                             "IPv6 wants an MTU of 1280 at least, and addresses of "
                             "its own");
    }
    if (!p->has_shown) {
        s->shown[0] = s->n_links > 0 ? s->link[0].host[0] : 0;
        s->shown[1] = s->n_links > 0 ? s->link[0].host[1] : 0;
    }
    /* The host whose records are drawn stands on the left, a peer on the right. */
    if (s->shown[0] == s->peer) {
        s->shown[0] = s->shown[1];
        s->shown[1] = s->peer;
    }
    return true;
}

bool
sim_script_parse(struct sim_script *s, const struct estab_alloc *from, const char *text, size_t len,
                 struct sim_script_error *error)
{
    struct parser p = { .s = s, .c = { .error = error } };
    const char *at = text, *end = text + len;

    memset(s, 0, sizeof *s);
    memset(error, 0, sizeof *error);
    s->from = *from;
    s->seed = 1;
    s->n_names = 1;
    s->peer = SIM_SCRIPT_ALL_HOSTS;
    p.c.line = 1;
    p.c.line_start = p.c.at = p.c.end = text;
    if (len > SIM_SCRIPT_OCTETS)
        return sim_wrong(&p.c, text, "this script is too long: at most 1 MiB");
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    for (; at < end; p.c.line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        p.c.line_start = p.c.at = at;
        p.c.end = stop != NULL ? stop : end;
        if (!parse_line(&p))
            return false;
        at = stop != NULL ? stop + 1 : end;
    }
    return check_whole(&p);
}

void
sim_script_free(struct sim_script *s)
{
    if (s->cap_lines > 0)
        s->from.put(s->from.ctx, s->lines, s->cap_lines * sizeof *s->lines);
    if (s->strings_cap > 0)
        s->from.put(s->from.ctx, s->strings, s->strings_cap);
    s->lines = NULL;
    s->strings = NULL;
    s->cap_lines = s->n_lines = s->strings_cap = s->strings_len = 0;
}
