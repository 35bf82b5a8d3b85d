/* SPDX-License-Identifier: MIT */
/*
 * Writes the report. The page stands in trace/report.html, which the assembler puts into the
 * program as it is; nothing from a packet is put into it but as JSON without <, > and &.
 */
#include "trace/html.h"

#include <stdio.h>
#include <string.h>

#ifdef __APPLE__
#error "the report is put in by the assembler of ELF systems"
#endif

__asm__(".section .rodata\n"
        ".global estab_report_page\n"
        ".global estab_report_page_end\n"
        "estab_report_page:\n"
        ".incbin \"trace/report.html\"\n"
        "estab_report_page_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char estab_report_page[], estab_report_page_end[];

static const char mark[] = "@DATA@";

static void
put(struct html_report *h, const char *s, size_t n)
{
    if (h->error == 0 && n > 0)
        h->error = h->write(h->ctx, s, n);
}

static void
flush(struct html_report *h, struct phrase *p)
{
    put(h, p->s, p->len);
    p->len = 0;
    p->s[0] = '\0';
}

static const char *
mark_in_page(void)
{
    const char *at = estab_report_page;

    while (at + sizeof mark - 1 < estab_report_page_end && memcmp(at, mark, sizeof mark - 1) != 0)
        at++;
    return at;
}

/* Text of any length as a JSON string. */
static void
put_string(struct html_report *h, const char *s)
{
    struct phrase p = { .len = 0 };
    char one[2] = "";

    put(h, "\"", 1);
    for (; *s != '\0'; s++) {
        one[0] = *s;
        estab_json_text(&p, one);
        if (p.len > 200)
            flush(h, &p);
    }
    flush(h, &p);
    put(h, "\"", 1);
}

int
estab_html_begin(struct html_report *h, const char *file, view_write_fn *write, void *ctx)
{
    *h = (struct html_report){ .write = write, .ctx = ctx };
    put(h, estab_report_page, (size_t)(mark_in_page() - estab_report_page));
    put(h, "{\"file\":", 8);
    put_string(h, file);
    put(h, ",\n\"connections\":[\n", 18);
    return h->error;
}

int
estab_html_connection(struct html_report *h, const struct connection *c)
{
    const struct list_options o = { .least = 1 };
    int error;

    if (h->connections++ > 0)
        put(h, ",", 1);
    if (h->error == 0 && (error = estab_list_json(&o, c, h->write, h->ctx)) != 0)
        h->error = error;
    return h->error;
}

static void
put_step(struct html_report *h, const struct story_step *s, estab_time origin)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "[%llu,%llu,%lld,%u,%u,%u,%u,%u,%u,%u,%u,%u,%u",
                     (unsigned long long)s->conn, (unsigned long long)s->number,
                     (long long)((s->at - origin) / 1000), (unsigned)s->from, (unsigned)s->seg.ctl,
                     (unsigned)s->seq, (unsigned)s->ack, (unsigned)s->seg.len, (unsigned)s->seg.wnd,
                     (unsigned)s->reason, (unsigned)s->verdict, (unsigned)s->after[END_A],
                     (unsigned)s->after[END_B]);
    for (unsigned i = 0; i < 2; i++)
        estab_phrase_add(&p, ",%u,%u,%u,%u,%u", (unsigned)s->var[i].snd_una,
                         (unsigned)s->var[i].snd_nxt, (unsigned)s->var[i].snd_wnd,
                         (unsigned)s->var[i].rcv_nxt, (unsigned)s->var[i].rcv_wnd);
    estab_phrase_add(&p, ",%u,%u]", (unsigned)s->rtt_us, s->told ? 1u : 0u);
    flush(h, &p);
}

static void
put_words(struct html_report *h, const char *name, const char *text, const char *rule)
{
    put(h, "[", 1);
    put_string(h, name);
    put(h, ",", 1);
    put_string(h, text);
    put(h, ",", 1);
    put_string(h, rule);
    put(h, "]", 1);
}

static void
put_tables(struct html_report *h)
{
    static const uint16_t again[] = {
        ESTAB_WHY_SYN_AGAIN,          ESTAB_WHY_SYN_ACK_AGAIN,     ESTAB_WHY_RETRANSMIT_RTO,
        ESTAB_WHY_RETRANSMIT_LOST,    ESTAB_WHY_RETRANSMIT_WINDOW, ESTAB_WHY_RETRANSMIT_MTU,
        ESTAB_WHY_RETRANSMIT_FAST,    ESTAB_WHY_RETRANSMIT_RACK,   ESTAB_WHY_LOSS_PROBE,
        ESTAB_WHY_RETRANSMIT_PARTIAL, ESTAB_WHY_ZERO_WINDOW_PROBE, ESTAB_WHY_KEEPALIVE_PROBE,
    };
    struct phrase p = { .len = 0 };

    put(h, "],\n\"reasons\":[", 14);
    for (unsigned i = 0; i < ESTAB_REASON_COUNT; i++) {
        if (i > 0)
            put(h, ",", 1);
        put_words(h, estab_reason_name(i), estab_reason_text(i), estab_reason_rule(i));
    }
    put(h, "],\n\"verdicts\":[", 15);
    for (unsigned i = 0; i < ESTAB_VERDICT_COUNT; i++) {
        if (i > 0)
            put(h, ",", 1);
        put_words(h, estab_verdict_name(i), estab_verdict_text(i), estab_verdict_rule(i));
    }
    put(h, "],\n\"states\":[", 13);
    for (unsigned i = 0; i <= ESTAB_TCPS_TIME_WAIT; i++) {
        if (i > 0)
            put(h, ",", 1);
        put_string(h, estab_state_name(i));
    }
    estab_phrase_add(&p, "],\n\"again\":[");
    for (unsigned i = 0; i < sizeof again / sizeof again[0]; i++)
        estab_phrase_add(&p, "%s%u", i > 0 ? "," : "", (unsigned)again[i]);
    estab_phrase_add(&p, "]}");
    flush(h, &p);
}

int
estab_html_end(struct html_report *h, const struct story *s, estab_time origin)
{
    const char *rest = mark_in_page() + sizeof mark - 1;

    put(h, "],\n\"steps\":[\n", 13);
    for (uint32_t i = 0; i < s->n; i++) {
        put_step(h, &s->step[i], origin);
        if (i + 1 < s->n)
            put(h, ",\n", 2);
    }
    put_tables(h);
    put(h, rest, (size_t)(estab_report_page_end - rest));
    return h->error;
}
