/* SPDX-License-Identifier: MIT */
/* The language of scripts: what is understood, and where and how what is wrong is told. */
#include "harness/test.h"
#include "sim/script_run.h"
#include "sim/script_scan.h"
#include "tests/sim/heap.h"

#include <string.h>

/* Two hosts, a peer of neither, and a line after them: line 4. */
#define HOSTS "host client\nhost server\nlink client server delay=10ms\n"
#define PEER "host server\npeer client\nserver listen 80\n"

static void
expect_good(struct sim_script *s, const char *text)
{
    struct sim_script_error error;

    if (!sim_script_parse(s, &heap, text, strlen(text), &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
}

static void
expect_error(const char *text, unsigned line, unsigned column, const char *message)
{
    struct sim_script s;
    struct sim_script_error error;

    if (sim_script_parse(&s, &heap, text, strlen(text), &error))
        fail_msg("understood, but should not be: %s", text);
    sim_script_free(&s);
    if (error.line != line || error.column != column || strcmp(error.text, message) != 0)
        fail_msg("of: %s\nexpected %u:%u: %s\ngot      %u:%u: %s", text, line, column, message,
                 error.line, error.column, error.text);
}

static struct sim_script_line
line_of(const char *text)
{
    struct sim_script s;
    struct sim_script_line l;
    char whole[512];

    snprintf(whole, sizeof whole, "%s%s\n", HOSTS, text);
    expect_good(&s, whole);
    assert_int_equal(s.n_lines, 1);
    l = s.lines[0];
    sim_script_free(&s);
    return l;
}

/* ---- what is understood ---- */

TEST(hosts_have_names_addresses_and_settings)
{
    struct sim_script s;

    expect_good(&s, "seed 7\n"
                    "host client 192.0.2.1 profile=rfc msl=1m30s keepalive=on nodelay=on\n"
                    "host server 192.0.2.2 syn-cookies=always timestamps=off max-half-open=3\n"
                    "link client server delay=1.5ms mtu=576 path-mtu=500 loss=5%\n");
    assert_int_equal(s.n_hosts, 2);
    assert_true(s.seed == 7);
    assert_string_equal(s.host[1].name.text, "server");
    assert_true(s.host[0].cfg.msl == ESTAB_SEC(90));
    assert_true(s.host[0].cfg.rto_min == ESTAB_SEC(1)); /* of the profile */
    assert_true(s.host[0].cfg.tcp.keepalive && s.host[0].cfg.tcp.nodelay);
    assert_int_equal(s.host[0].addr.bytes[3], 1);
    assert_int_equal(s.host[1].cfg.syn_cookies, ESTAB_SYN_COOKIES_ALWAYS);
    assert_false(s.host[1].cfg.timestamps);
    assert_int_equal(s.host[1].cfg.max_half_open, 3);
    assert_true(s.link[0].cfg.delay == ESTAB_US(1500));
    assert_int_equal(s.link[0].mtu, 576);
    assert_int_equal(s.link[0].cfg.path_mtu, 500);
    assert_int_equal(s.link[0].cfg.faults.loss_ppm, 50000);
    sim_script_free(&s);
}

TEST(two_hosts_without_a_link_get_one_without_delay)
{
    struct sim_script s;

    expect_good(&s, "host a\nhost b\n");
    assert_int_equal(s.n_links, 1);
    assert_true(s.link[0].cfg.delay == 0 && s.link[0].mtu == 1500);
    sim_script_free(&s);
}

TEST(times_are_relative_absolute_and_waits)
{
    struct sim_script_line l = line_of("+10ms expect client free");

    assert_true(l.when == SIM_WHEN_AFTER && l.time == ESTAB_MS(10) && l.within == 0);
    assert_int_equal(l.line, 4);
    assert_int_equal(l.column, 7);
    l = line_of("at 2h12m30s within 1us expect client free # and a remark");
    assert_true(l.when == SIM_WHEN_AT && l.time == ESTAB_SEC(7950) && l.within == ESTAB_US(1));
    l = line_of("   expect free");
    assert_true(l.when == SIM_WHEN_THEN);
    assert_int_equal(l.column, 4);
}

TEST(durations_are_exact_or_refused)
{
    static const struct {
        const char *text;
        estab_time ns;
    } good[] = { { "0", 0 },
                 { "0s", 0 },
                 { "1ns", 1 },
                 { "10ms", ESTAB_MS(10) },
                 { "0.25s", ESTAB_MS(250) },
                 { "1.5h", ESTAB_SEC(5400) },
                 { "2h12m30s", ESTAB_SEC(7950) },
                 { "1s1ns", ESTAB_SEC(1) + 1 },
                 { "87600h", ESTAB_SEC(3600) * 87600 } };
    static const char *const bad[] = { "",
                                       "1",
                                       "s",
                                       "1x",
                                       "-1s",
                                       "1 s",
                                       "1s2h",
                                       "1s1s",
                                       "1.s",
                                       ".5s",
                                       "1.5",
                                       "0.5ns",
                                       "1.2.3s",
                                       "1S",
                                       "1e3s",
                                       "90000h",
                                       "99999999999999999999s" };
    estab_time ns;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!sim_word_duration((struct sim_word){ good[i].text, strlen(good[i].text) }, &ns) ||
            ns != good[i].ns)
            fail_msg("%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (sim_word_duration((struct sim_word){ bad[i], strlen(bad[i]) }, &ns))
            fail_msg("understood: %s", bad[i]);
}

TEST(durations_are_shown_as_they_are_written)
{
    static const char *const texts[] = { "0s", "2h12m30s", "10ms", "1s1ns", "1h", "999us" };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char room[64];
        struct sim_text t = SIM_TEXT(room);
        estab_time ns;

        assert_true(sim_word_duration((struct sim_word){ texts[i], strlen(texts[i]) }, &ns));
        sim_text_duration(&t, ns);
        assert_string_equal(room, texts[i]);
    }
}

TEST(texts_never_overflow_nor_cut_a_character)
{
    char room[8];
    struct sim_text t = SIM_TEXT(room);

    sim_text_put(&t, "ab报文段"); /* 2 + 3 x 3 octets: one character fits */
    assert_string_equal(room, "ab报");
    t = SIM_TEXT(room);
    sim_text_number(&t, INT64_MIN);
    assert_string_equal(room, "-922337");
    sim_text_put(&t, "more");
    assert_string_equal(room, "-922337");
}

TEST(calls_have_arguments_and_results)
{
    struct sim_script_line l = line_of("server listen 80 backlog=5 -> ok");

    assert_true(l.kind == SIM_LINE_CALL && l.call == SIM_CALL_LISTEN && l.host == 1);
    assert_true(l.port == 80 && l.backlog == 5 && l.result == SIM_RESULT_OK);
    assert_int_equal(l.result_column, 31);
    l = line_of("client connect server:80 from=5000");
    assert_true(l.call == SIM_CALL_CONNECT && l.other == 1 && l.port == 80);
    assert_true(l.local_port == 5000 && l.result == SIM_RESULT_NONE);
    l = line_of("client send \"a\\n\\\"b\\\\\" -> 5");
    assert_true(l.call == SIM_CALL_SEND && l.has_text && l.text.len == 5);
    assert_true(l.result == SIM_RESULT_NUMBER && l.result_number == 5);
    l = line_of("client send 1000 -> EPIPE");
    assert_true(!l.has_text && l.number == 1000);
    assert_true(l.result == SIM_RESULT_ERROR && l.result_number == -ESTAB_EPIPE);
    l = line_of("server receive -> \"hello\"");
    assert_true(l.call == SIM_CALL_RECEIVE && l.result == SIM_RESULT_TEXT && l.number == 5);
    l = line_of("server receive -> end");
    assert_true(l.result == SIM_RESULT_END);
    l = line_of("client.second abort");
    assert_true(l.call == SIM_CALL_ABORT && l.conn == 1);
    l = line_of("client set nodelay=on user-timeout=5s");
    assert_true(l.call == SIM_CALL_SET && l.options.nodelay &&
                l.options.user_timeout == ESTAB_SEC(5));
}

TEST(names_of_connections_are_kept_apart)
{
    struct sim_script s;

    expect_good(&s, HOSTS "client.a abort\nclient.b abort\nclient.a abort\nclient abort\n");
    assert_int_equal(s.lines[0].conn, 1);
    assert_int_equal(s.lines[1].conn, 2);
    assert_int_equal(s.lines[2].conn, 1);
    assert_int_equal(s.lines[3].conn, 0);
    sim_script_free(&s);
}

TEST(expectations_name_states_counts_and_words)
{
    struct sim_script_line l = line_of("expect client TIME-WAIT");

    assert_true(l.kind == SIM_LINE_EXPECT_STATE && l.state == ESTAB_TCPS_TIME_WAIT);
    l = line_of("expect free");
    assert_true(l.kind == SIM_LINE_EXPECT_FREE && l.host == SIM_SCRIPT_ALL_HOSTS);
    l = line_of("expect server bytes 56");
    assert_true(l.kind == SIM_LINE_EXPECT_COUNT && l.count == SIM_COUNT_BYTES && l.number == 56);
    assert_true(l.compare == SIM_IS);
    l = line_of("expect server verdict DROP_PAWS");
    assert_true(l.word == ESTAB_SEG_DROP_PAWS && l.compare == SIM_AT_LEAST && l.number == 1);
    l = line_of("expect server reason CHALLENGE_ACK 0");
    assert_true(l.word == ESTAB_WHY_CHALLENGE_ACK && l.compare == SIM_IS && l.number == 0);
    l = line_of("expect server cause KEEPALIVE_FAILED");
    assert_true(l.word == ESTAB_CAUSE_KEEPALIVE_FAILED);
}

TEST(faults_name_a_segment_and_what_becomes_of_it)
{
    struct sim_script_line l = line_of("drop client SYN");

    assert_true(l.kind == SIM_LINE_FAULT && l.hold.action == SIM_HOLD_DROP && l.hold.nth == 0);
    assert_int_equal(l.hold.ctl_mask, ESTAB_CTL_SYN | ESTAB_CTL_ACK);
    assert_int_equal(l.hold.ctl, ESTAB_CTL_SYN);
    l = line_of("drop client 2nd ACK");
    assert_true(l.hold.nth == 1 && l.hold.without_text);
    l = line_of("hold server FIN until 5s");
    assert_true(l.hold.action == SIM_HOLD_DELAY && l.hold.release_at == ESTAB_SEC(5));
    l = line_of("hold server every data to client for 10ms");
    assert_true(l.hold.every && l.hold.with_text && l.hold.release_after == ESTAB_MS(10));
    assert_int_equal(l.other, 0);
    l = line_of("duplicate client 11th any after 3s");
    assert_true(l.hold.action == SIM_HOLD_DUPLICATE && l.hold.nth == 10);
    assert_true(l.hold.release_after == ESTAB_SEC(3));
    l = line_of("cut client server");
    assert_true(l.kind == SIM_LINE_CUT);
}

TEST(words_are_said_in_a_language_or_in_all)
{
    struct sim_script s;

    expect_good(&s, HOSTS "say en \"one\"\nsay zh \"一\"\nsay \"1\"\n");
    assert_int_equal(s.lines[0].language, SIM_SAY_ENGLISH);
    assert_int_equal(s.lines[1].language, SIM_SAY_CHINESE);
    assert_int_equal(s.lines[2].language, SIM_SAY_ALL);
    assert_int_equal(s.lines[1].text.len, 3);
    sim_script_free(&s);
}

TEST(segments_have_bits_numbers_text_and_options)
{
    struct sim_script s;
    const struct sim_script_segment *seg;

    expect_good(&s, PEER "< SYN seq=100 win=65535 <mss 1460,sackOK,ts 100 0,nop,ws 7>\n"
                         "> SYN,ACK seq=300 ack=101 win=any <mss any>\n"
                         "< ACK seq=101 ack=301 <nop,nop,sack 301:401>\n"
                         "> any seq=any len=any\n"
                         "> nothing\n"
                         "< PSH,ACK seq=101 ack=301 \"hi\" up=2 from=7 to=8\n");
    seg = &s.lines[1].segment;
    assert_true(s.lines[1].kind == SIM_LINE_INJECT && seg->ctl == ESTAB_CTL_SYN);
    assert_true(seg->seq.value == 100 && seg->wnd.value == 65535 && !seg->ack.given);
    assert_int_equal(seg->n_options, 5);
    assert_true(seg->option[2].kind == SIM_OPTION_TIMESTAMP &&
                seg->option[2].value[0].value == 100);
    assert_true(seg->option[4].kind == SIM_OPTION_WSCALE && seg->option[4].value[0].value == 7);
    seg = &s.lines[2].segment;
    assert_true(s.lines[2].kind == SIM_LINE_AWAIT);
    assert_true(seg->wnd.any && seg->option[0].value[0].any && seg->ack.value == 101);
    seg = &s.lines[3].segment;
    assert_true(seg->option[2].value[0].value == 301 && seg->option[2].value[1].value == 401);
    assert_true(s.lines[4].segment.any_ctl && s.lines[4].segment.len.any);
    assert_true(s.lines[5].kind == SIM_LINE_AWAIT_NOTHING);
    seg = &s.lines[6].segment;
    assert_true(seg->has_text && seg->text.len == 2 && seg->up.value == 2);
    assert_true(seg->from.value == 7 && seg->to.value == 8);
    sim_script_free(&s);
}

/* ---- what is not ---- */

TEST(unknown_words_are_told_with_what_could_stand_there)
{
    expect_error("hots client\n", 1, 1,
                 "expected a statement (say, expect, drop, ...), a segment, or a host (none has "
                 "been named yet), found \"hots\"");
    expect_error(HOSTS "clinet connect server:80\n", 4, 1,
                 "expected a statement (say, expect, drop, ...), a segment, or a host (client, "
                 "server), found \"clinet\"");
    expect_error(HOSTS "client conect server:80\n", 4, 8,
                 "expected a call: listen, unlisten, connect, accept, send, receive, shutdown, "
                 "close, abort, set, drain or pour, found \"conect\"");
    expect_error(HOSTS "client connect sever:80\n", 4, 16,
                 "expected a host (client, server), found \"sever:80\"");
    expect_error(
        HOSTS "expect client TIME_WAIT\n", 4, 15,
        "expected a state such as TIME-WAIT, `free`, or what is to be counted: "
        "connections, half-open, time-wait, listeners, timers, ports, bytes, "
        "record-bytes, buffer-bytes, received, sent, octets, again, lost, verdict, reason, cause, found "
        "\"TIME_WAIT\"");
    expect_error(HOSTS "expect client verdict DROP_PAW\n", 4, 23,
                 "expected the name of a verdict such as DROP_PAWS, found \"DROP_PAW\"");
    expect_error(HOSTS "drop client SYN+ACK\n", 4, 13,
                 "expected a segment: SYN, SYN,ACK, ACK, FIN, RST, data or any; before it perhaps "
                 "which one: 2nd, 3rd, ... or every, found \"SYN+ACK\"");
}

TEST(missing_words_are_told_at_the_end_of_the_line)
{
    expect_error("host\n", 1, 5,
                 "expected a name, of letters, digits, - and _, found the end of the line");
    expect_error(HOSTS "client connect\n", 4, 15,
                 "expected a host and a port such as server:80, found the end of the line");
    expect_error(HOSTS "+10ms\n", 4, 6, "expected what happens then, found the end of the line");
    expect_error(HOSTS "client send   # nothing\n", 4, 24,
                 "expected a text in quotation marks or a number of octets, found the end of the "
                 "line");
    expect_error(HOSTS "client close ->\n", 4, 16,
                 "expected ok or an error such as ECONNREFUSED, found the end of the line");
    expect_error(HOSTS "hold server FIN\n", 4, 16,
                 "expected `for` and a time, or `until` and an instant, found the end of the line");
    expect_error(HOSTS "say en\n", 4, 7,
                 "expected a text in quotation marks, found the end of the line");
    expect_error("", 1, 1, "a script needs a host: `host NAME`");
}

TEST(numbers_and_times_are_told_what_they_may_be)
{
    expect_error(HOSTS "server listen 0\n", 4, 15, "expected a port, 1 to 65535, found \"0\"");
    expect_error(HOSTS "client connect server:65536\n", 4, 23,
                 "expected a port, 1 to 65535, after the colon");
    expect_error(HOSTS "+10 expect free\n", 4, 2,
                 "expected a time such as 10ms, 5s or 2h12m30s, found \"10\"");
    expect_error(HOSTS "at soon expect free\n", 4, 4,
                 "expected a time such as 10ms, 5s or 2h12m30s, found \"soon\"");
    expect_error("host a msl=30\n", 1, 12,
                 "expected a time such as 30s, 10ms or 2h12m30s, found \"30\"");
    expect_error("host a sack=yes\n", 1, 13, "expected `on` or `off`, found \"yes\"");
    expect_error("host a mls=30s\n", 1, 8,
                 "expected a setting of a host, such as msl=30s or profile=linux, found "
                 "\"mls=30s\"");
    expect_error("host a profile=windows\n", 1, 16,
                 "expected a profile: rfc, linux, bsd, lan or tiny, found \"windows\"");
    expect_error("host a\nhost b\nlink a b loss=5\n", 3, 15,
                 "expected a percentage such as 5%, found \"5\"");
    expect_error("host a ttl=256\n", 1, 12, "expected a number up to 255, found \"256\"");
}

TEST(results_that_a_call_cannot_have_are_refused)
{
    expect_error(HOSTS "client close -> 5\n", 4, 17,
                 "expected ok or an error such as ECONNREFUSED, found \"5\"");
    expect_error(HOSTS "client send 5 -> end\n", 4, 18,
                 "expected a number, ok or an error such as EPIPE, found \"end\"");
    expect_error(HOSTS "client receive -> nothing\n", 4, 19,
                 "expected a text in quotation marks, a number, end, ok or an error such as "
                 "ECONNRESET, found \"nothing\"");
    expect_error(HOSTS "client close now\n", 4, 14,
                 "expected `->` and a result, or the end of the line, found \"now\"");
    expect_error(HOSTS "client close -> ok now\n", 4, 20,
                 "expected the end of the line, found \"now\"");
}

TEST(only_what_can_wait_has_a_within)
{
    expect_error(HOSTS "within 1s client close\n", 4, 11,
                 "`within` goes with accept, receive, expect and `>`: this happens at once");
    expect_error(HOSTS "within 1s drop client SYN\n", 4, 11,
                 "`within` goes with accept, receive, expect and `>`: this happens at once");
}

TEST(texts_are_told_where_they_break)
{
    expect_error(HOSTS "client send \"hello\n", 4, 13, "this text has no closing quotation mark");
    expect_error(HOSTS "client send \"a\\tb\"\n", 4, 15,
                 "expected \\n, \\\" or \\\\ after a backslash");
    expect_error(HOSTS "say zh \"报文\x01\"\n", 4, 11,
                 "a control character stands in this text"); /* columns are characters */
}

TEST(segments_are_told_what_they_lack)
{
    expect_error(PEER "< SYN\n", 4, 6, "expected seq=NUMBER, found the end of the line");
    expect_error(PEER "> SYN,ACK seq=300\n", 4, 18,
                 "expected ack=NUMBER or ack=any, found the end of the line");
    expect_error(
        PEER "< SIN seq=1\n", 4, 3,
        "expected control bits such as SYN,ACK (of SYN FIN RST PSH URG ECE CWR ACK), found "
        "\"SIN\"");
    expect_error(
        PEER "< SYN,SYN seq=1\n", 4, 3,
        "expected control bits such as SYN,ACK (of SYN FIN RST PSH URG ECE CWR ACK), found "
        "\"SYN,SYN\"");
    expect_error(PEER "< SYN seq=any\n", 4, 11, "expected a number, found \"any\"");
    expect_error(PEER "< SYN seq=4294967296\n", 4, 11, "expected a number, found \"4294967296\"");
    expect_error(PEER "> SYN seq=1 wnd=5\n", 4, 13,
                 "expected seq=, ack=, win=, len=, up=, from=, to=, a text in quotation marks, or "
                 "options such as <mss 1460>, found \"wnd=5\"");
    expect_error(PEER "< SYN seq=1 <mss>\n", 4, 17, "expected a number, found \">\"");
    expect_error(PEER "< SYN seq=1 <mss 1460\n", 4, 22,
                 "expected `,` or `>` after an option, found the end of the line");
    expect_error(PEER "< SYN seq=1 <tfo>\n", 4, 14,
                 "expected an option: mss, ws, sackOK, ts, sack or nop, found \"tfo\"");
    expect_error(PEER "< ACK seq=1 ack=2 <sack 5-9>\n", 4, 25,
                 "expected a block such as 301:401, found \"5-9\"");
    expect_error(PEER "< ACK seq=1 ack=2 <ts 1 1,sack 1:2,sack 1:2,sack 1:2,sack 1:2>\n", 4, 62,
                 "the options take more than 40 octets");
    expect_error(PEER "< ACK seq=1 ack=2 \"a\" len=1\n", 4, 28,
                 "a text has its own length: len= does not go with it");
    expect_error(HOSTS "< SYN seq=1\n", 4, 1,
                 "segments are the business of a peer, and there is none: `peer NAME` makes one");
}

TEST(hosts_and_links_must_make_a_world)
{
    expect_error("host a\nhost a\n", 2, 6, "there is a host of this name already");
    expect_error("host expect\n", 1, 6,
                 "this word has a meaning of its own: another name is wanted");
    expect_error("host 5\n", 1, 6, "expected a name, of letters, digits, - and _, found \"5\"");
    expect_error("host a 10.0.0.300\n", 1, 8,
                 "expected an address or a setting, found \"10.0.0.300\"");
    expect_error("host a 127.0.0.1\n", 1, 8,
                 "expected an address that a host can have, found \"127.0.0.1\"");
    expect_error("host a\nlink a a\n", 2, 8, "a link joins two hosts");
    expect_error("host a\nhost b\nlink a b\nlink b a\n", 4, 8, "these hosts have a link already");
    expect_error("host a\nhost b\nlink a b ip=5\n", 3, 13, "expected 4 or 6, found \"5\"");
    expect_error("host a 10.0.0.1\nhost b 10.0.1.1\nlink a b\n", 3, 1,
                 "the two hosts of a link have addresses of one network (the first 24 bits of "
                 "IPv4, 64 of IPv6), or none");
    expect_error("host a 10.0.0.1\nhost b\nlink a b\n", 3, 1,
                 "the two hosts of a link have addresses of one network (the first 24 bits of "
                 "IPv4, 64 of IPv6), or none");
    expect_error("host a\nhost b\nlink a b ip=6 mtu=1000\n", 3, 1,
                 "IPv6 wants an MTU of 1280 at least, and addresses of its own");
    expect_error("host a\nhost b 10.0.0.1\nhost c\nlink a b\nlink b c\n", 2, 1,
                 "a host with several links has an address on each: none can be given here");
    expect_error("host a\npeer b\npeer c\n", 3, 6, "there is a peer already: a script plays one");
    expect_error("peer b\n", 1, 1, "a peer has one link");
    expect_error("host a\npeer b msl=30s\n", 2, 8,
                 "expected the end of the line, found \"msl=30s\"");
    expect_error(HOSTS "client abort\nhost c\n", 5, 1,
                 "hosts, links, seed and ladder come before all that happens");
    expect_error(HOSTS "client connect client:80\n", 4, 16, "a host connects to another one");
    expect_error(PEER "client connect server:80\n", 4, 8,
                 "the peer has no calls: `<` sends a segment in its name");
    expect_error(PEER "expect client ESTABLISHED\n", 4, 8,
                 "the peer has no states of its own: the script plays it");
}

TEST(limits_of_the_language_are_told)
{
    char text[1024] = HOSTS;

    for (unsigned i = 0; i < SIM_SCRIPT_NAMES - 1; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "client.c%u abort\n", i);
    strcat(text, "client.one-more abort\n");
    expect_error(text, 19, 8, "too many names of connections: at most 15");
    expect_error("host a\nhost b\nhost c\nhost d\nhost e\nhost f\nhost g\nhost h\nhost i\n", 9, 6,
                 "too many hosts: at most 8");
}

/* ---- running ---- */

static struct sim_script_result
run(const char *text)
{
    const struct sim_script_watch nobody = { 0 };
    struct sim_script s;
    struct sim_script_result result;

    expect_good(&s, text);
    (void)sim_script_run(&s, &heap, SIM_SAY_ENGLISH, &nobody, &result);
    sim_script_free(&s);
    return result;
}

static void
expect_failure(const char *text, unsigned line, unsigned column, const char *message)
{
    struct sim_script_result r = run(text);

    assert_true(r.failed);
    if (r.line != line || r.column != column || strcmp(r.text, message) != 0)
        fail_msg("of: %s\nexpected %u:%u: %s\ngot      %u:%u: %s", text, line, column, message,
                 r.line, r.column, r.text);
}

TEST(run_counts_what_was_met_and_ends_with_the_hosts)
{
    struct sim_script_result r = run(HOSTS "server listen 80 -> ok\n"
                                           "client connect server:80\n"
                                           "+1s expect server ESTABLISHED\n");

    assert_false(r.failed);
    assert_int_equal(r.checks, 2);
    assert_true(r.at == ESTAB_SEC(1));
    assert_true(r.has_status[0] && r.has_status[1]);
    assert_int_equal(r.status[1].connections, 1);
    assert_int_equal(r.status[1].listeners, 1);
}

TEST(run_tells_the_segment_expected_and_the_one_seen)
{
    expect_failure(PEER "< SYN seq=100\n> SYN,ACK seq=300 ack=102\n", 5, 1,
                   "expected SYN,ACK seq=300 ack=102, seen SYN,ACK seq=300 ack=101 win=65280 <mss "
                   "1460>, at 0s");
    expect_failure(PEER "< SYN seq=100\n> ACK seq=301 ack=101\n", 5, 1,
                   "expected ACK seq=301 ack=101, seen SYN,ACK seq=300 ack=101 win=65280 <mss "
                   "1460>, at 0s");
    expect_failure(PEER "< SYN seq=100\n> SYN,ACK seq=300 ack=101 <sackOK>\n", 5, 1,
                   "expected SYN,ACK seq=300 ack=101 <sackOK>, seen SYN,ACK seq=300 ack=101 "
                   "win=65280 <mss 1460>, at 0s");
    expect_failure(PEER "within 10ms > SYN seq=300\n", 4, 13,
                   "expected SYN seq=300 within 10ms, seen none, at 10ms");
    expect_failure(PEER "< SYN seq=100\n> nothing\n", 5, 1,
                   "expected no segment, seen SYN,ACK seq=300 ack=101 win=65280 <mss 1460>, at 0s");
}

TEST(run_tells_a_segment_that_no_line_expects)
{
    expect_failure(PEER "< SYN seq=100\n", 4, 1,
                   "expected no segment, seen SYN,ACK seq=300 ack=101 win=65280 <mss 1460>, at 0s");
    expect_failure(PEER "< SYN seq=100\n+1s expect server SYN-RECEIVED\n", 5, 5,
                   "expected no segment, seen SYN,ACK seq=300 ack=101 win=65280 <mss 1460>, at 0s");
    /* a segment that came too early is not the one that was expected later */
    expect_failure(PEER "< SYN seq=100\n+1ms > SYN,ACK seq=300 ack=101\n", 5, 6,
                   "expected SYN,ACK seq=300 ack=101, seen SYN,ACK seq=300 ack=101 win=65280 <mss "
                   "1460>, at 0s");
}

TEST(run_tells_states_counts_and_what_is_held)
{
    struct sim_script_result listening;
    char message[160];

    expect_failure(HOSTS "server listen 80\nexpect client ESTABLISHED\n", 5, 1,
                   "expected client ESTABLISHED, seen CLOSED, at 0s");
    expect_failure(HOSTS "server listen 80\nwithin 5ms expect server ESTABLISHED\n", 5, 12,
                   "expected server ESTABLISHED within 5ms, seen LISTEN, at 5ms");
    expect_failure(HOSTS "expect client reason SYN\n", 4, 1,
                   "expected client at least 1 x SYN, seen 0 x SYN, at 0s");
    expect_failure(HOSTS "expect client timers 2\n", 4, 1,
                   "expected client 2 timers, seen 0 timers, at 0s");
    listening = run(HOSTS "server listen 80\n");
    snprintf(message, sizeof message,
             "expected all hosts free, seen server holding 1 listener(s), %u bytes, 1 port(s), at "
             "0s",
             (unsigned)listening.status[1].record_bytes);
    expect_failure(HOSTS "server listen 80\nexpect free\n", 5, 1, message);
    expect_failure(HOSTS "server listen 80\nclient.a connect server:80\n"
                         "client.b connect server:80\n+1s expect server ESTABLISHED\n",
                   7, 5,
                   "expected server ESTABLISHED, seen several connections (names tell them apart), "
                   "at 1s");
}

TEST(run_tells_results_of_calls)
{
    expect_failure(HOSTS "client connect server:80 -> ECONNREFUSED\n", 4, 29,
                   "expected ECONNREFUSED, seen ok, at 0s");
    expect_failure(HOSTS "client receive\n", 4, 1,
                   "expected ok, seen EBADF (the handle names no connection or listener (any "
                   "more)), at 0s");
    expect_failure(HOSTS "server listen 80\nclient connect server:80\nwithin 1s server accept\n"
                         "client send \"hallo\"\nwithin 1s server receive -> \"hello\"\n",
                   8, 29, "expected \"hello\" within 1s, seen \"hallo\", at 40ms");
    expect_failure(HOSTS "server listen 80\nwithin 1s server accept -> ok\n", 5, 28,
                   "expected ok within 1s, seen EAGAIN (nothing can be done now; try again after "
                   "an event), at 1s");
}

TEST(run_refuses_what_cannot_be_done)
{
    expect_failure(HOSTS "+5s client connect server:80\nat 1s expect free\n", 5, 7,
                   "this instant is over already, at 5s");
    expect_failure("host a\nhost b\nhost c\nlink a b\nlink b c\ncut a c\n", 6, 1,
                   "these two hosts have no link, at 0s");
    expect_failure("host a\nhost b\nhost c\nlink a b\nlink b c\ndrop b SYN\n", 6, 1,
                   "this host has not one link but others: `to HOST` says which, at 0s");
    expect_failure("host server\npeer client\n< SYN seq=100\n", 3, 1,
                   "no connection is known yet: from= and to= give the ports, at 0s");
    expect_failure("host a memory-budget=1\nhost b\n", 1, 1,
                   "this host cannot be made: a setting is out of range, at 0s");
}

/* Waits end at the very instant at which it is so. */
TEST(run_waits_no_longer_than_it_must)
{
    struct sim_script_result r = run(HOSTS "server listen 80\n"
                                           "client connect server:80\n"
                                           "within 10s expect client ESTABLISHED\n");

    assert_false(r.failed);
    assert_true(r.at == ESTAB_MS(20));
}
