/* SPDX-License-Identifier: MIT */
/*
 * Writes the report. The page stands in trace/report.html, which the assembler puts into the
 * program as it is, and beside it uPlot (trace/vendor/uplot), which draws its plots; nothing from a
 * packet is put into it but as JSON without <, > and &.
 */
#include "trace/html.h"

#include <stdio.h>
#include <string.h>

#ifdef __APPLE__
#error "the report is put in by the assembler of ELF systems"
#endif

#define TEXT_OF_FILE(name, file)                                                                   \
    __asm__(".section .rodata\n"                                                                   \
            ".global estab_report_" name "\n"                                                      \
            ".global estab_report_" name "_end\n"                                                  \
            "estab_report_" name ":\n"                                                             \
            ".incbin \"" file "\"\n"                                                               \
            "estab_report_" name "_end:\n"                                                         \
            ".byte 0\n"                                                                            \
            ".previous\n")
TEXT_OF_FILE("page", "trace/report.html");
TEXT_OF_FILE("plot_script", "trace/vendor/uplot/uPlot.iife.min.js");
TEXT_OF_FILE("plot_style", "trace/vendor/uplot/uPlot.min.css");
TEXT_OF_FILE("plot_licence", "trace/vendor/uplot/LICENSE");
extern const char estab_report_page[], estab_report_page_end[];
extern const char estab_report_plot_script[], estab_report_plot_script_end[];
extern const char estab_report_plot_style[], estab_report_plot_style_end[];
extern const char estab_report_plot_licence[], estab_report_plot_licence_end[];

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

/* Writes the page from `at` to the mark, and returns where it goes on behind it. */
static const char *
put_until(struct html_report *h, const char *at, const char *mark)
{
    size_t len = strlen(mark);
    const char *end = at;

    while (end + len <= estab_report_page_end && memcmp(end, mark, len) != 0)
        end++;
    put(h, at, (size_t)(end - at));
    return end + len;
}

static void
put_file(struct html_report *h, const char *from, const char *end)
{
    put(h, from, (size_t)(end - from));
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
    h->rest = put_until(h, estab_report_page, "@PLOT_STYLE@");
    put_file(h, estab_report_plot_style, estab_report_plot_style_end);
    h->rest = put_until(h, h->rest, "@DATA@");
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
    estab_phrase_add(&p, ",%u,%u,%u,%u,%u,%u]", (unsigned)s->rtt_us, s->told ? 1u : 0u,
                     (unsigned)s->cwnd, (unsigned)s->ssthresh, (unsigned)s->sack_left,
                     (unsigned)s->sack_right);
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
    put(h, "],\n\"steps\":[\n", 13);
    for (uint32_t i = 0; i < s->n; i++) {
        put_step(h, &s->step[i], origin);
        if (i + 1 < s->n)
            put(h, ",\n", 2);
    }
    put_tables(h);
    h->rest = put_until(h, h->rest, "@PLOT_SCRIPT@");
    put(h, "/*! uPlot\n", 10);
    put_file(h, estab_report_plot_licence, estab_report_plot_licence_end);
    put(h, "*/\n", 3);
    put_file(h, estab_report_plot_script, estab_report_plot_script_end);
    put_file(h, h->rest, estab_report_page_end);
    return h->error;
}
