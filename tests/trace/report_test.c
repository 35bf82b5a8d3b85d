/* SPDX-License-Identifier: MIT */
/* Pictures and the report: whole, escaped, bounded. */
#include "trace/html.h"
#include "trace/qlog.h"
#include "trace/wire.h"
#include "trace/xpl.h"

struct text {
    char s[1 << 18];
    size_t len;
};

static int
add(void *ctx, const void *p, size_t n)
{
    struct text *t = ctx;

    if (t->len + n >= sizeof t->s)
        return -1;
    memcpy(t->s + t->len, p, n);
    t->len += n;
    t->s[t->len] = '\0';
    return 0;
}

struct told {
    struct story story;
    struct html_report *html;
};

static void
take(void *ctx, const struct segment_seen *s)
{
    struct told *t = ctx;

    assert_true(estab_story_take(&t->story, s));
}

static void
end(void *ctx, const struct connection *c)
{
    struct told *t = ctx;

    estab_story_end(&t->story, c);
    if (t->html != NULL)
        assert_int_equal(estab_html_connection(t->html, c), 0);
}

static void
begin(struct wire *w, struct told *t)
{
    struct analysis_options o = { .ctx = t, .segment = take, .connection = end };

    memset(w, 0, sizeof *w);
    w->now = ESTAB_SEC(1000);
    w->analysis = estab_analysis_new(&o);
    open_with(w, true, true);
    talked(w);
    closed(w, 101, 1001);
}

TEST(a_story_keeps_each_step_with_the_variables_of_both_ends)
{
    struct wire w;
    struct told t = { .html = NULL };

    begin(&w, &t);
    wire_free(&w);
    assert_int_equal(t.story.n, 10);
    assert_true(t.story.has_conn);
    assert_int_equal(t.story.step[0].var[END_A].snd_nxt, 1);
    assert_int_equal(t.story.step[0].var[END_A].snd_una, 0);
    assert_int_equal(t.story.step[1].var[END_A].snd_una, 1);
    assert_int_equal(t.story.step[1].rtt_us, 20000);
    assert_int_equal(t.story.step[4].var[END_A].rcv_nxt, 1001);
    assert_string_equal(estab_state_name(t.story.step[9].after[END_A]), "TIME-WAIT");
    estab_story_free(&t.story);
}

TEST(a_story_keeps_what_the_stack_has_told_of_its_congestion_window)
{
    const struct sent text = { .seq = 101, .ack = 1001, .len = 10, .ctl = CTL_ACK };
    struct wire w;
    struct told t = { .html = NULL };
    struct analysis_options o = { .ctx = &t, .segment = take, .connection = end };
    uint8_t out[2048];
    uint32_t len;

    memset(&w, 0, sizeof w);
    w.now = ESTAB_SEC(1000);
    w.analysis = estab_analysis_new(&o);
    open_with(&w, true, true);
    talked(&w);
    len = wire_build(&w, out, END_A, text);
    packet(&w, out, len,
           "sent: data within the window [RFC 9293 §3.7]; cwnd 14480, ssthresh 7240; client "
           "ESTABLISHED");
    packet(&w, out, len, "sent: data within the window; cwnd 99999999999; client ESTABLISHED");
    packet(&w, out, len, "sent: data within the window; cwnd ; client ESTABLISHED");
    wire_free(&w);
    assert_true(t.story.n > 3);
    assert_int_equal(t.story.step[0].cwnd, 0);
    assert_int_equal(t.story.step[t.story.n - 3].cwnd, 14480);
    assert_int_equal(t.story.step[t.story.n - 3].ssthresh, 7240);
    assert_string_equal(estab_state_name(t.story.step[t.story.n - 3].after[END_A]), "ESTABLISHED");
    assert_int_equal(t.story.step[t.story.n - 2].cwnd, 0); /* no such number */
    assert_int_equal(t.story.step[t.story.n - 1].cwnd, 0);
    estab_story_free(&t.story);
}

TEST(a_moving_picture_is_whole_and_its_title_is_escaped)
{
    static struct text text;
    struct svg_options o = { .title = "<script>&\"" };
    struct wire w;
    struct told t = { .html = NULL };

    text.len = 0;
    begin(&w, &t);
    wire_free(&w);
    assert_int_equal(estab_story_svg(&t.story, &o, add, &text), 0);
    assert_true(strncmp(text.s, "<svg ", 5) == 0);
    assert_non_null(strstr(text.s, "</svg>\n"));
    assert_null(strstr(text.s, "<script"));
    assert_non_null(strstr(text.s, "&lt;script&gt;&amp;&quot;"));
    assert_non_null(strstr(text.s, "SYN-RECEIVED"));
    assert_non_null(strstr(text.s, "2MSL later"));
    assert_non_null(strstr(text.s, "prefers-reduced-motion"));
    assert_non_null(strstr(text.s, "prefers-color-scheme:dark"));
    text.len = 0;
    o.steps_max = 3;
    assert_int_equal(estab_story_svg(&t.story, &o, add, &text), 0);
    assert_non_null(strstr(text.s, "and 7 more segments"));
    estab_story_free(&t.story);
}

TEST(the_report_is_one_page_and_asks_nobody)
{
    static struct text text;
    struct html_report html;
    struct wire w;
    struct told t = { .story = { .all = true }, .html = &html };

    text.len = 0;
    assert_int_equal(estab_html_begin(&html, "</script><b>&\"\n", add, &text), 0);
    begin(&w, &t);
    wire_free(&w);
    assert_int_equal(estab_html_end(&html, &t.story, ESTAB_SEC(1000)), 0);
    assert_non_null(strstr(text.s, "\\u003c/script\\u003e\\u003cb\\u003e\\u0026\\u0022\\u000a"));
    assert_null(strstr(text.s, "</script><b>"));
    assert_null(strstr(text.s, "@DATA@"));
    assert_null(strstr(text.s, "@PLOT"));
    assert_non_null(strstr(text.s, "Permission is hereby granted, free of charge"));
    assert_null(strstr(text.s, "src="));
    assert_null(strstr(text.s, "href="));
    assert_non_null(strstr(text.s, "\"began\":\"handshake\""));
    assert_non_null(strstr(text.s, "[1,1,0,0,2,0,0,0,64240,"));
    assert_non_null(strstr(text.s, "</html>"));
    estab_story_free(&t.story);
}

TEST(a_plot_shows_what_was_sent_sent_again_and_acknowledged)
{
    static struct text text;
    struct wire w;
    struct told t = { .html = NULL };
    struct analysis_options o = { .ctx = &t, .segment = take, .connection = end };

    text.len = 0;
    memset(&w, 0, sizeof w);
    w.now = ESTAB_SEC(1000);
    w.analysis = estab_analysis_new(&o);
    open_with(&w, true, true);
    a_sends(&w, .seq = 1, .ack = 1, .len = 100);
    a_sends(&w, .seq = 101, .ack = 1, .len = 100);
    b_sends(&w, .seq = 1, .ack = 1, .sack = { { 101, 201 } }, .sacks = 1);
    passes(&w, ESTAB_SEC(1));
    a_sends(&w, .seq = 1, .ack = 1, .len = 100);
    b_sends(&w, .seq = 1, .ack = 201);
    wire_free(&w);
    assert_int_equal(estab_xpl_busier(&t.story), END_A);
    assert_int_equal(estab_story_xpl(&t.story, END_A, add, &text), 0);
    assert_true(strncmp(text.s, "timeval unsigned\ntitle\n10.0.0.1:", 32) == 0);
    assert_string_equal(text.s + text.len - 4, "\ngo\n");
    assert_non_null(strstr(text.s, "\nSYN\n"));
    assert_non_null(strstr(text.s, "white\nline 1000.0")); /* text */
    assert_non_null(strstr(text.s, "red\nline 1001.0"));   /* again */
    assert_non_null(strstr(text.s, "\nR\n"));
    assert_non_null(strstr(text.s, "\nS\n"));
    assert_non_null(strstr(text.s, " 101 "));
    assert_null(strstr(text.s, "FIN"));
    text.len = 0;
    assert_int_equal(estab_story_xpl(&t.story, END_B, add, &text), 0);
    assert_true(strncmp(text.s, "timeval unsigned\ntitle\n10.0.0.2:", 32) == 0);
    assert_null(strstr(text.s, "\nR\n"));
    estab_story_free(&t.story);
}

struct logged {
    struct qlog qlog;
    struct text text;
};

static void
log_segment(void *ctx, const struct segment_seen *s)
{
    struct logged *l = ctx;

    assert_int_equal(estab_qlog_segment(&l->qlog, s), 0);
}

static void
log_connection(void *ctx, const struct connection *c)
{
    struct logged *l = ctx;

    assert_int_equal(estab_qlog_connection(&l->qlog, c), 0);
}

static unsigned
times(const char *s, const char *what)
{
    unsigned n = 0;

    for (; (s = strstr(s, what)) != NULL; s++)
        n++;
    return n;
}

TEST(a_qlog_tells_each_segment_state_and_round_trip)
{
    static struct logged l;
    struct analysis_options o = { .ctx = &l, .segment = log_segment, .connection = log_connection };
    struct wire w;

    memset(&l, 0, sizeof l);
    l.qlog = (struct qlog){ .write = add, .ctx = &l.text };
    memset(&w, 0, sizeof w);
    w.now = ESTAB_SEC(1000);
    assert_int_equal(estab_qlog_begin(&l.qlog, "a\"\n</script>"), 0);
    w.analysis = estab_analysis_new(&o);
    open_with(&w, true, true);
    talked(&w);
    closed(&w, 101, 1001);
    wire_free(&w);
    assert_non_null(strstr(l.text.s, "\"title\":\"a\\u0022\\u000a\\u003c/script\\u003e\""));
    assert_int_equal(times(l.text.s, "\x1e"), times(l.text.s, "\n"));
    assert_int_equal(times(l.text.s, "}\n\x1e{"), times(l.text.s, "\x1e") - 1);
    assert_int_equal(times(l.text.s, "\"name\":\"tcp:connection_started\""), 1);
    assert_int_equal(times(l.text.s, "\"name\":\"tcp:segment\""), 10);
    assert_int_equal(times(l.text.s, "\"name\":\"tcp:connection_closed\""), 1);
    assert_non_null(strstr(l.text.s, "{\"time\":1000000.000,"));
    assert_non_null(strstr(l.text.s, "\"latest_rtt\":20.000"));
    assert_non_null(strstr(l.text.s, "\"old\":\"FIN-WAIT-2\",\"new\":\"TIME-WAIT\""));

    /* another connection than the wanted one */
    l.text.len = 0;
    l.qlog.only = 2;
    memset(&w, 0, sizeof w);
    w.now = ESTAB_SEC(1000);
    w.analysis = estab_analysis_new(&o);
    open_with(&w, true, true);
    wire_free(&w);
    assert_int_equal(l.text.len, 0);
}
