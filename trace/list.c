/* SPDX-License-Identifier: MIT */
/*
 * The list of connections: one line each, and under it what there is to say, the heaviest first.
 *
 * The keys of the JSON, one object for each connection: number, client, server, start (nanoseconds
 * since 1970, as text), duration, segments, first, last (numbers of packets), began, ended,
 * ends (two objects: state, mss, wscale, sack, timestamps, segments, text, again, fast, timeouts,
 * probes, spurious, reordered, doubled, keepalives, zero_windows, zero_time, rtt, rtt_min,
 * rtt_max, window), verdicts (id, weight, text, segments, more). Times are nanoseconds; keys do not
 * change their meaning.
 */
#include "trace/list.h"

#include <stdio.h>
#include <string.h>

struct out {
    view_write_fn *write;
    void *ctx;
    int error;
};

static void
put(struct out *o, const char *s, size_t n)
{
    if (o->error == 0 && n > 0)
        o->error = o->write(o->ctx, s, n);
}

static void
put_phrase(struct out *o, struct phrase *p)
{
    put(o, p->s, p->len);
    p->len = 0;
    p->s[0] = '\0';
}

/* To a column: at least one space. */
static void
pad(struct phrase *p, size_t width)
{
    size_t cells = 0;

    for (size_t i = 0; i < p->len; i++)
        cells += (p->s[i] & 0xc0) != 0x80;
    do {
        estab_phrase_add(p, " ");
        cells++;
    } while (cells < width);
}

static void
colour(struct phrase *p, const struct list_options *o, const char *code)
{
    if (o->colour)
        estab_phrase_add(p, "\033[%sm", code);
}

/* What is said of a thing that no other program has in its list is worth a second line. */
static void
put_verdict(struct out *out, const struct list_options *o, const struct verdict *v)
{
    static const char *const mark[] = { " ", "-", "!", "x" };
    static const char *const pretty[] = { " ", "·", "▲", "✖" };
    static const char *const code[] = { "0", "2", "33", "31" };
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "     ");
    colour(&p, o, code[v->weight]);
    estab_phrase_add(&p, "%s %s", o->ascii ? mark[v->weight] : pretty[v->weight], v->text.s);
    colour(&p, o, "0");
    if (v->n > 0) {
        colour(&p, o, "2");
        estab_phrase_add(&p, "  [");
        for (unsigned i = 0; i < v->n; i++)
            estab_phrase_add(&p, "%s%llu", i > 0 ? " " : "", (unsigned long long)v->number[i]);
        if (v->more > 0)
            estab_phrase_add(&p, " +%llu", (unsigned long long)v->more);
        estab_phrase_add(&p, "]");
        colour(&p, o, "0");
    }
    estab_phrase_add(&p, "\n");
    put_phrase(out, &p);
}

int
estab_list_head(const struct list_options *o, view_write_fn *write, void *ctx)
{
    struct out out = { write, ctx, 0 };
    struct phrase p = { .len = 0 };

    colour(&p, o, "1");
    estab_phrase_add(&p, "   #  start        client%sserver", o->ascii ? " > " : " → ");
    pad(&p, o->colour ? 63 : 59);
    estab_phrase_add(&p, "lasted    sent      received  again  RTT       began; ended");
    colour(&p, o, "0");
    estab_phrase_add(&p, "\n");
    put_phrase(&out, &p);
    return out.error;
}

/* Octets in three figures. */
static void
add_octets(struct phrase *p, uint64_t n)
{
    static const char unit[] = " kMGTP";
    unsigned u = 0;

    if (n < 10000) {
        estab_phrase_add(p, "%llu", (unsigned long long)n);
        return;
    }
    while (n >= 1000000 && u < 4) {
        n /= 1000;
        u++;
    }
    estab_phrase_add(p, "%llu.%llu%c", (unsigned long long)(n / 1000),
                     (unsigned long long)(n % 1000 / 100), unit[u + 1]);
}

/* From one end to the other and back, through the point where it was captured. */
static estab_time
round_trip(const struct connection *c)
{
    return (c->end[END_A].rtt_samples > 0 ? c->end[END_A].rtt_min : 0) +
           (c->end[END_B].rtt_samples > 0 ? c->end[END_B].rtt_min : 0);
}

int
estab_list_connection(const struct list_options *o, const struct connection *c,
                      view_write_fn *write, void *ctx)
{
    struct verdict verdict[TRACE_VERDICT_COUNT];
    unsigned n = estab_trace_verdicts(c, verdict);
    struct out out = { write, ctx, 0 };
    struct phrase p = { .len = 0 };
    estab_time start = c->first_at - o->origin;
    uint64_t text = c->end[END_A].text + c->end[END_B].text;
    uint64_t again = c->end[END_A].text_again + c->end[END_B].text_again;

    estab_phrase_add(&p, "%4llu  %lld.%06lld", (unsigned long long)c->number,
                     (long long)(start / 1000000000), (long long)(start % 1000000000 / 1000));
    pad(&p, 19);
    estab_phrase_endpoint(&p, &c->end[END_A].at);
    estab_phrase_add(&p, o->ascii ? " > " : " → ");
    estab_phrase_endpoint(&p, &c->end[END_B].at);
    pad(&p, 59);
    estab_phrase_duration(&p, c->last_at - c->first_at);
    pad(&p, 69);
    add_octets(&p, c->end[END_A].text);
    pad(&p, 79);
    add_octets(&p, c->end[END_B].text);
    pad(&p, 89);
    estab_phrase_add(
        &p, "%llu.%llu%%",
        (unsigned long long)(text + again > 0 ? again * 100 / (text + again) : 0),
        (unsigned long long)(text + again > 0 ? again * 1000 / (text + again) % 10 : 0));
    pad(&p, 96);
    if (round_trip(c) > 0)
        estab_phrase_duration(&p, round_trip(c));
    else
        estab_phrase_add(&p, "-");
    pad(&p, 106);
    estab_phrase_add(&p, "%s; %s\n", estab_trace_begun(c), estab_trace_ended(c));
    put_phrase(&out, &p);
    for (unsigned i = 0; i < n; i++)
        if (verdict[i].weight >= o->least)
            put_verdict(&out, o, &verdict[i]);
    return out.error;
}

int
estab_list_totals(const struct list_options *o, const struct analysis_totals *t,
                  view_write_fn *write, void *ctx)
{
    struct out out = { write, ctx, 0 };
    struct phrase p = { .len = 0 };
    const struct {
        uint64_t n;
        const char *what;
    } rest[] = {
        { t->other, "of other protocols" },
        { t->malformed, "malformed" },
        { t->fragments, "fragments, not put together" },
        { t->unread, "of a link that is not read" },
        { t->evicted, "connections made room for others before the end" },
    };

    (void)o;
    estab_phrase_number(&p, t->packets);
    estab_phrase_add(&p, " packets in ");
    estab_phrase_duration(&p, t->last_at - t->first_at);
    estab_phrase_add(&p, ", ");
    estab_phrase_number(&p, t->tcp);
    estab_phrase_add(&p, " of TCP, ");
    estab_phrase_number(&p, t->connections);
    estab_phrase_add(&p, " connection%s", t->connections == 1 ? "" : "s");
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        if (rest[i].n > 0) {
            estab_phrase_add(&p, "; ");
            estab_phrase_number(&p, rest[i].n);
            estab_phrase_add(&p, " %s", rest[i].what);
        }
    estab_phrase_add(&p, "\n");
    put_phrase(&out, &p);
    return out.error;
}

/* ---- JSON ---- */

void
estab_json_text(struct phrase *p, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char ch = (unsigned char)*s;

        if (ch < 0x20 || ch == 0x7f || ch == '"' || ch == '\\' || ch == '<' || ch == '>' ||
            ch == '&')
            estab_phrase_add(p, "\\u%04x", (unsigned)ch);
        else
            estab_phrase_add(p, "%c", *s);
    }
}

static void
json_end(struct out *out, const struct end_seen *e)
{
    const struct {
        const char *name;
        uint64_t n;
    } number[] = {
        { "segments", e->segments },
        { "text", e->text },
        { "again", e->text_again },
        { "fast", e->saw[SAW_FAST].count },
        { "timeouts", e->saw[SAW_TIMEOUT].count },
        { "after_timeout", e->saw[SAW_AFTER_TIMEOUT].count },
        { "probes", e->saw[SAW_LOSS_PROBE].count },
        { "spurious", e->saw[SAW_SPURIOUS].count },
        { "reordered", e->saw[SAW_REORDERED].count },
        { "doubled", e->saw[SAW_DOUBLED].count },
        { "damaged", e->saw[SAW_DAMAGED].count },
        { "keepalives", e->saw[SAW_KEEPALIVE].count },
        { "window_probes", e->saw[SAW_WINDOW_PROBE].count },
        { "zero_windows", e->saw[SAW_ZERO_WINDOW].count },
        { "zero_time", (uint64_t)e->zero_time },
        { "limited_time", (uint64_t)e->limited_time },
        { "rtt", (uint64_t)e->srtt },
        { "rtt_min", (uint64_t)e->rtt_min },
        { "rtt_max", (uint64_t)e->rtt_max },
        { "window", e->wnd_max },
    };
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "{\"state\":\"%s\"", e->has_state ? estab_state_name(e->state) : "");
    if (e->has_mss)
        estab_phrase_add(&p, ",\"mss\":%u", (unsigned)e->mss);
    if (e->has_wscale)
        estab_phrase_add(&p, ",\"wscale\":%u", (unsigned)e->wscale);
    estab_phrase_add(&p, ",\"sack\":%s,\"timestamps\":%s", e->sack_permitted ? "true" : "false",
                     e->has_ts ? "true" : "false");
    put_phrase(out, &p);
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++) {
        estab_phrase_add(&p, ",\"%s\":%llu", number[i].name, (unsigned long long)number[i].n);
        put_phrase(out, &p);
    }
    put(out, "}", 1);
}

static void
json_verdict(struct out *out, const struct verdict *v)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "{\"id\":\"%s\",\"weight\":%u,\"text\":\"",
                     estab_trace_verdict_id(v->kind), v->weight);
    put_phrase(out, &p);
    estab_json_text(&p, v->text.s);
    put_phrase(out, &p);
    estab_phrase_add(&p, "\",\"segments\":[");
    for (unsigned i = 0; i < v->n; i++)
        estab_phrase_add(&p, "%s%llu", i > 0 ? "," : "", (unsigned long long)v->number[i]);
    estab_phrase_add(&p, "],\"more\":%llu}", (unsigned long long)v->more);
    put_phrase(out, &p);
}

int
estab_list_json(const struct list_options *o, const struct connection *c, view_write_fn *write,
                void *ctx)
{
    struct verdict verdict[TRACE_VERDICT_COUNT];
    unsigned n = estab_trace_verdicts(c, verdict);
    struct out out = { write, ctx, 0 };
    struct phrase p = { .len = 0 };
    char a[ESTAB_ENDPOINT_TEXT], b[ESTAB_ENDPOINT_TEXT];

    (void)o;
    estab_phrase_add(&p, "{\"number\":%llu,\"client\":\"%s\",\"server\":\"%s\",\"start\":\"%lld\"",
                     (unsigned long long)c->number, estab_endpoint_format(&c->end[END_A].at, a),
                     estab_endpoint_format(&c->end[END_B].at, b), (long long)c->first_at);
    put_phrase(&out, &p);
    estab_phrase_add(&p, ",\"duration\":%lld,\"segments\":%llu,\"first\":%llu,\"last\":%llu",
                     (long long)(c->last_at - c->first_at), (unsigned long long)c->segments,
                     (unsigned long long)c->first_number, (unsigned long long)c->last_number);
    put_phrase(&out, &p);
    estab_phrase_add(&p, ",\"began\":\"%s\",\"ended\":\"%s\",\"told\":%llu,\"ends\":[",
                     estab_trace_begun(c), estab_trace_ended(c), (unsigned long long)c->told);
    put_phrase(&out, &p);
    json_end(&out, &c->end[END_A]);
    put(&out, ",", 1);
    json_end(&out, &c->end[END_B]);
    put(&out, "],\"verdicts\":[", 14);
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            put(&out, ",", 1);
        json_verdict(&out, &verdict[i]);
    }
    put(&out, "]}\n", 3);
    return out.error;
}
