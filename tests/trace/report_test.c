/* SPDX-License-Identifier: MIT */
/* Pictures and the report: whole, escaped, bounded. */
#include "trace/html.h"
#include "trace/wire.h"

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
