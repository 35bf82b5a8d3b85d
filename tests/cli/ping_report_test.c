/* SPDX-License-Identifier: MIT */
/* What estab ping says (cli/ping_report.h): the lines of ping(8), its figures, and hops. */
#include "cli/ping_report.h"
#include "estab/estab.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

static char *text;
static size_t text_len;

static struct ping_report
report_of(const char *name)
{
    struct ping_report r = { .name = name, .size = 56 };

    assert_int_equal(estab_addr_parse(&r.address, name), 0);
    r.to = open_memstream(&text, &text_len);
    assert_non_null(r.to);
    return r;
}

static void
said(struct ping_report *r, const char *want)
{
    fclose(r->to);
    assert_string_equal(text, want);
    free(text);
}

static struct estab_echo_message
reply_from(const char *from, estab_time rtt)
{
    struct estab_echo_message m = {
        .kind = ESTAB_ECHO_REPLY, .ttl = 64, .len = 56, .sent_at = ESTAB_SEC(5)
    };

    assert_int_equal(estab_addr_parse(&m.from, from), 0);
    m.received_at = m.sent_at + rtt;
    return m;
}

static struct estab_echo_message
error_from(const char *from, uint8_t type, uint8_t code, int error)
{
    struct estab_echo_message m = reply_from(from, ESTAB_MS(1));

    m.kind = ESTAB_ECHO_ERROR;
    m.icmp_type = type;
    m.icmp_code = code;
    m.error = error;
    m.len = 0;
    return m;
}

TEST(times_have_as_many_digits_as_those_of_ping)
{
    static const struct {
        estab_time rtt;
        const char *text;
    } cases[] = {
        { 0, "0.000" },
        { 45123, "0.045" },
        { ESTAB_US(999), "0.999" },
        { 999600, "1.00" },
        { ESTAB_US(1234), "1.23" },
        { 9996000, "10.0" },
        { ESTAB_US(12345), "12.3" },
        { ESTAB_MS(123), "123" },
        { ESTAB_MS(12345), "12345" },
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char buf[PING_TEXT];

        assert_string_equal(estab_ping_time(cases[i].rtt, buf), cases[i].text);
    }
}

TEST(replies_and_the_summary_are_those_of_ping)
{
    struct ping_report r = report_of("10.0.0.1");
    struct estab_echo_message m = reply_from("10.0.0.1", ESTAB_MS(1));

    estab_ping_begin(&r, ESTAB_SEC(5));
    r.sent = 4;
    estab_ping_answer(&r, &m, 1);
    m = reply_from("10.0.0.1", ESTAB_MS(3));
    estab_ping_answer(&r, &m, 2);
    m.duplicate = true;
    estab_ping_answer(&r, &m, 2);
    m = reply_from("10.0.0.1", ESTAB_MS(2));
    m.altered = true;
    estab_ping_answer(&r, &m, 65537);
    m.len = 40;
    m.duplicate = true;
    estab_ping_answer(&r, &m, 65537);
    estab_ping_end(&r, ESTAB_MS(8003));
    said(&r, "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.\n"
             "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=1.00 ms\n"
             "64 bytes from 10.0.0.1: icmp_seq=2 ttl=64 time=3.00 ms\n"
             "64 bytes from 10.0.0.1: icmp_seq=2 ttl=64 time=3.00 ms (DUP!)\n"
             "64 bytes from 10.0.0.1: icmp_seq=65537 ttl=64 time=2.00 ms (altered)\n"
             "48 bytes from 10.0.0.1: icmp_seq=65537 ttl=64 time=2.00 ms (truncated) (DUP!)\n"
             "\n--- 10.0.0.1 ping statistics ---\n"
             "4 packets transmitted, 3 received, +2 duplicates, 25% packet loss, time 3003ms\n"
             "rtt min/avg/max/mdev = 1.000/2.000/3.000/0.816 ms\n");
}

TEST(nothing_received_has_no_times)
{
    struct ping_report r = report_of("2001:db8::1");

    r.quiet = true;
    estab_ping_begin(&r, 0);
    r.sent = 3;
    estab_ping_refused(&r, 3, -ESTAB_EMSGSIZE);
    estab_ping_end(&r, ESTAB_SEC(2));
    said(&r, "PING 2001:db8::1 (2001:db8::1) 56(104) bytes of data.\n"
             "\n--- 2001:db8::1 ping statistics ---\n"
             "3 packets transmitted, 0 received, +1 errors, 100% packet loss, time 2000ms\n");
}

TEST(errors_say_who_and_why)
{
    struct ping_report r = report_of("10.0.0.1");
    struct estab_echo_message m = error_from("10.0.0.254", 11, 0, -ESTAB_EHOSTUNREACH);

    estab_ping_answer(&r, &m, 1);
    m = error_from("10.0.0.254", 3, 4, -ESTAB_EMSGSIZE);
    m.mtu = 1300;
    estab_ping_answer(&r, &m, 2);
    m = error_from("fe80::1", 2, 0, -ESTAB_EMSGSIZE);
    m.mtu = 1280;
    estab_ping_answer(&r, &m, 3);
    estab_ping_refused(&r, 4, -ESTAB_ENETUNREACH);
    assert_int_equal(r.errors, 4);
    assert_int_equal(r.received, 0);
    said(&r, "From 10.0.0.254 icmp_seq=1 Time to live exceeded\n"
             "From 10.0.0.254 icmp_seq=2 Frag needed and DF set (mtu = 1300)\n"
             "From fe80::1 icmp_seq=3 Packet too big: mtu=1280\n"
             "not sent: icmp_seq=4 no route to the network\n");
}

/* Whatever a router may say, there is a text, and the tables are not left. */
TEST(every_type_and_code_has_a_text)
{
    for (unsigned type = 0; type < 256; type++)
        for (unsigned code = 0; code < 256; code++) {
            struct estab_echo_message m = error_from("10.0.0.1", (uint8_t)type, (uint8_t)code, -1);
            char buf[PING_TEXT];

            assert_true(estab_ping_error_text(&m, buf)[0] != '\0');
            m = error_from("fe80::1", (uint8_t)type, (uint8_t)code, -1);
            assert_true(estab_ping_error_text(&m, buf)[0] != '\0');
        }
}

TEST(a_trace_has_a_line_for_each_hop)
{
    struct ping_report r = report_of("10.0.0.1");
    struct estab_echo_message m;

    r.trace = true;
    estab_ping_begin(&r, 0);
    estab_ping_hop(&r, 1);
    m = error_from("10.1.0.1", 11, 0, -ESTAB_EHOSTUNREACH);
    assert_true(estab_ping_is_on_the_way(&m));
    estab_ping_hop_answer(&r, &m);
    estab_ping_hop_answer(&r, &m);
    m = error_from("10.1.0.2", 11, 0, -ESTAB_EHOSTUNREACH);
    estab_ping_hop_answer(&r, &m);
    estab_ping_hop_end(&r, 3);
    estab_ping_hop(&r, 2);
    estab_ping_hop_end(&r, 3);
    estab_ping_hop(&r, 3);
    m = reply_from("10.0.0.1", ESTAB_MS(20));
    assert_false(estab_ping_is_on_the_way(&m));
    estab_ping_hop_answer(&r, &m);
    m = error_from("10.0.0.9", 3, 1, -ESTAB_EHOSTUNREACH);
    assert_false(estab_ping_is_on_the_way(&m));
    estab_ping_hop_answer(&r, &m);
    m = error_from("10.0.0.9", 3, 0, -ESTAB_ENETUNREACH);
    estab_ping_hop_answer(&r, &m);
    estab_ping_hop_end(&r, 3);
    estab_ping_end(&r, 0);
    said(&r, "trace to 10.0.0.1 (10.0.0.1), at most 30 hops, 84 byte packets\n"
             " 1  10.1.0.1  1.00 ms 1.00 ms 10.1.0.2  1.00 ms\n"
             " 2  * * *\n"
             " 3  10.0.0.1  20.0 ms 10.0.0.9  1.00 ms !H 1.00 ms !N\n");
}

TEST(json_is_one_object_a_line)
{
    struct ping_report r = report_of("10.0.0.1");
    struct estab_echo_message m = reply_from("10.0.0.1", ESTAB_US(1500));

    r.json = true;
    estab_ping_begin(&r, 0);
    r.sent = 2;
    estab_ping_answer(&r, &m, 1);
    m = error_from("10.0.0.254", 11, 0, -ESTAB_EHOSTUNREACH);
    estab_ping_answer(&r, &m, 2);
    estab_ping_refused(&r, 3, -ESTAB_EMSGSIZE);
    estab_ping_end(&r, ESTAB_MS(1000));
    said(&r,
         "{\"event\": \"reply\", \"seq\": 1, \"from\": \"10.0.0.1\", \"bytes\": 64, \"ttl\": 64, "
         "\"ms\": 1.500, \"duplicate\": false, \"altered\": false}\n"
         "{\"event\": \"error\", \"seq\": 2, \"from\": \"10.0.0.254\", \"type\": 11, \"code\": 0, "
         "\"text\": \"Time to live exceeded\"}\n"
         "{\"event\": \"refused\", \"seq\": 3, \"text\": \"message too long\"}\n"
         "{\"event\": \"summary\", \"host\": \"10.0.0.1\", \"address\": \"10.0.0.1\", "
         "\"transmitted\": 2, \"received\": 1, \"duplicates\": 0, \"errors\": 2, "
         "\"loss_percent\": 50, \"time_ms\": 1000, \"min_ms\": 1.500, \"avg_ms\": 1.500, "
         "\"max_ms\": 1.500, \"mdev_ms\": 0.000}\n");
}
