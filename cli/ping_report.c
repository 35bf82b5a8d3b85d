/* SPDX-License-Identifier: MIT */
/* What estab ping says; see ping_report.h. */
#include "cli/ping_report.h"
#include "estab/estab.h"

#include <inttypes.h>
#include <string.h>

/* --- words --- */

static const char *
text_4(const struct estab_echo_message *m)
{
    static const char *const unreachable[] = {
        "Destination Net Unreachable",
        "Destination Host Unreachable",
        "Destination Protocol Unreachable",
        "Destination Port Unreachable",
        "Frag needed and DF set",
        "Source Route Failed",
        "Destination Net Unknown",
        "Destination Host Unknown",
        "Source Host Isolated",
        "Destination Net Prohibited",
        "Destination Host Prohibited",
        "Destination Net Unreachable for Type of Service",
        "Destination Host Unreachable for Type of Service",
        "Packet filtered",
        "Precedence Violation",
        "Precedence Cutoff",
    };

    switch (m->icmp_type) {
    case 3:
        return m->icmp_code < 16 ? unreachable[m->icmp_code] : "Destination Unreachable";
    case 11:
        return m->icmp_code == 0 ? "Time to live exceeded" : "Frag reassembly time exceeded";
    case 12:
        return "Parameter problem";
    default:
        return "ICMP error";
    }
}

static const char *
text_6(const struct estab_echo_message *m)
{
    static const char *const unreachable[] = {
        "Destination unreachable: No route",
        "Destination unreachable: Administratively prohibited",
        "Destination unreachable: Beyond scope of source address",
        "Destination unreachable: Address unreachable",
        "Destination unreachable: Port unreachable",
        "Destination unreachable: Source address failed ingress/egress policy",
        "Destination unreachable: Reject route",
    };
    static const char *const problem[] = {
        "Parameter problem: Wrong header field",
        "Parameter problem: Unknown header",
        "Parameter problem: Unknown option",
    };

    switch (m->icmp_type) {
    case 1:
        return m->icmp_code < 7 ? unreachable[m->icmp_code] : "Destination unreachable";
    case 2:
        return "Packet too big";
    case 3:
        return m->icmp_code == 0 ? "Time exceeded: Hop limit"
                                 : "Time exceeded: Defragmentation failure";
    case 4:
        return m->icmp_code < 3 ? problem[m->icmp_code] : "Parameter problem";
    default:
        return "ICMP error";
    }
}

const char *
estab_ping_error_text(const struct estab_echo_message *m, char buf[PING_TEXT])
{
    bool v4 = m->from.family == ESTAB_INET;
    const char *text = v4 ? text_4(m) : text_6(m);

    if (m->mtu != 0)
        snprintf(buf, PING_TEXT, v4 ? "%s (mtu = %" PRIu32 ")" : "%s: mtu=%" PRIu32, text, m->mtu);
    else
        snprintf(buf, PING_TEXT, "%s", text);
    return buf;
}

const char *
estab_ping_time(estab_time rtt, char buf[PING_TEXT])
{
    double ms = (double)rtt / 1e6;

    snprintf(buf, PING_TEXT, "%.*f", ms >= 99.95 ? 0 : ms >= 9.995 ? 1 : ms >= 0.9995 ? 2 : 3, ms);
    return buf;
}

bool
estab_ping_is_on_the_way(const struct estab_echo_message *m)
{
    return m->kind == ESTAB_ECHO_ERROR && m->icmp_code == 0 &&
           m->icmp_type == (m->from.family == ESTAB_INET ? 11 : 3);
}

/* --- each answer --- */

void
estab_ping_begin(struct ping_report *r, estab_time now)
{
    uint32_t headers = 8 + (r->address.family == ESTAB_INET ? 20 : 40);
    char text[ESTAB_ADDR_TEXT];

    r->started_at = now;
    if (r->json)
        return;
    if (r->trace)
        fprintf(r->to, "trace to %s (%s), at most 30 hops, %" PRIu32 " byte packets\n", r->name,
                estab_addr_format(&r->address, text), r->size + headers);
    else
        fprintf(r->to, "PING %s (%s) %" PRIu32 "(%" PRIu32 ") bytes of data.\n", r->name,
                estab_addr_format(&r->address, text), r->size, r->size + headers);
    fflush(r->to);
}

static void
count(struct ping_report *r, const struct estab_echo_message *m)
{
    estab_time rtt = m->received_at - m->sent_at;

    if (m->kind == ESTAB_ECHO_ERROR) {
        r->errors++;
    } else if (m->duplicate) {
        r->duplicates++;
    } else {
        if (r->received++ == 0 || rtt < r->least)
            r->least = rtt;
        if (rtt > r->most)
            r->most = rtt;
        r->sum += (double)rtt;
        r->sum_of_squares += (double)rtt * (double)rtt;
    }
}

static double
ms_of(estab_time t)
{
    return (double)t / 1e6;
}

static void
print_json(struct ping_report *r, const struct estab_echo_message *m, uint64_t n)
{
    char from[ESTAB_ADDR_TEXT], text[PING_TEXT];

    estab_addr_format(&m->from, from);
    if (m->kind == ESTAB_ECHO_ERROR) {
        fprintf(r->to,
                "{\"event\": \"error\", \"seq\": %" PRIu64 ", \"from\": \"%s\", \"type\": %u, "
                "\"code\": %u, \"text\": \"%s\"",
                n, from, m->icmp_type, m->icmp_code, estab_ping_error_text(m, text));
        if (m->mtu != 0)
            fprintf(r->to, ", \"mtu\": %" PRIu32, m->mtu);
        fprintf(r->to, "}\n");
        return;
    }
    fprintf(r->to,
            "{\"event\": \"reply\", \"seq\": %" PRIu64 ", \"from\": \"%s\", \"bytes\": %" PRIu32
            ", \"ttl\": %u, \"ms\": %.3f, \"duplicate\": %s, \"altered\": %s}\n",
            n, from, m->len + 8, m->ttl, ms_of(m->received_at - m->sent_at),
            m->duplicate ? "true" : "false", m->altered ? "true" : "false");
}

void
estab_ping_answer(struct ping_report *r, const struct estab_echo_message *m, uint64_t n)
{
    char from[ESTAB_ADDR_TEXT], text[PING_TEXT];

    count(r, m);
    if (r->quiet)
        return;
    if (r->json)
        print_json(r, m, n);
    else if (m->kind == ESTAB_ECHO_ERROR)
        fprintf(r->to, "From %s icmp_seq=%" PRIu64 " %s\n", estab_addr_format(&m->from, from), n,
                estab_ping_error_text(m, text));
    else
        fprintf(r->to, "%" PRIu32 " bytes from %s: icmp_seq=%" PRIu64 " ttl=%u time=%s ms%s%s\n",
                m->len + 8, estab_addr_format(&m->from, from), n, m->ttl,
                estab_ping_time(m->received_at - m->sent_at, text),
                !m->altered         ? ""
                : m->len != r->size ? " (truncated)"
                                    : " (altered)",
                m->duplicate ? " (DUP!)" : "");
    fflush(r->to);
}

void
estab_ping_refused(struct ping_report *r, uint64_t n, int error)
{
    r->errors++;
    if (r->quiet)
        return;
    if (r->json)
        fprintf(r->to, "{\"event\": \"refused\", \"seq\": %" PRIu64 ", \"text\": \"%s\"}\n", n,
                estab_err_text(error));
    else
        fprintf(r->to, "not sent: icmp_seq=%" PRIu64 " %s\n", n, estab_err_text(error));
    fflush(r->to);
}

/* --- the summary --- */

static double
square_root(double x)
{
    double y = x;

    if (x <= 0)
        return 0;
    for (unsigned i = 0; i < 200; i++) {
        double next = (y + x / y) / 2;

        if (next >= y && i > 0)
            break;
        y = next;
    }
    return y;
}

static double
deviation(const struct ping_report *r)
{
    double mean = r->sum / (double)r->received;

    return square_root(r->sum_of_squares / (double)r->received - mean * mean) / 1e6;
}

void
estab_ping_end(struct ping_report *r, estab_time now)
{
    double loss = r->sent == 0 ? 0 : 100.0 * (double)(r->sent - r->received) / (double)r->sent;
    char address[ESTAB_ADDR_TEXT];

    if (r->trace)
        return;
    if (r->json) {
        fprintf(r->to,
                "{\"event\": \"summary\", \"host\": \"%s\", \"address\": \"%s\", "
                "\"transmitted\": %" PRIu64 ", \"received\": %" PRIu64 ", \"duplicates\": %" PRIu64
                ", \"errors\": %" PRIu64 ", \"loss_percent\": %.4g, \"time_ms\": %.0f",
                r->name, estab_addr_format(&r->address, address), r->sent, r->received,
                r->duplicates, r->errors, loss, ms_of(now - r->started_at));
        if (r->received > 0)
            fprintf(
                r->to, ", \"min_ms\": %.3f, \"avg_ms\": %.3f, \"max_ms\": %.3f, \"mdev_ms\": %.3f",
                ms_of(r->least), r->sum / (double)r->received / 1e6, ms_of(r->most), deviation(r));
        fprintf(r->to, "}\n");
        return;
    }
    fprintf(r->to, "\n--- %s ping statistics ---\n", r->name);
    fprintf(r->to, "%" PRIu64 " packets transmitted, %" PRIu64 " received, ", r->sent, r->received);
    if (r->duplicates > 0)
        fprintf(r->to, "+%" PRIu64 " duplicates, ", r->duplicates);
    if (r->errors > 0)
        fprintf(r->to, "+%" PRIu64 " errors, ", r->errors);
    fprintf(r->to, "%g%% packet loss, time %.0fms\n", loss, ms_of(now - r->started_at));
    if (r->received > 0)
        fprintf(r->to, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", ms_of(r->least),
                r->sum / (double)r->received / 1e6, ms_of(r->most), deviation(r));
}

/* --- hops --- */

void
estab_ping_hop(struct ping_report *r, unsigned hop)
{
    r->hop = hop;
    r->answers = 0;
}

void
estab_ping_hop_answer(struct ping_report *r, const struct estab_echo_message *m)
{
    count(r, m);
    if (r->answers < PING_HOP_ANSWERS)
        r->answer[r->answers++] = *m;
}

/* As traceroute(8) marks who refuses. */
static const char *
mark_of(const struct estab_echo_message *m)
{
    if (m->kind == ESTAB_ECHO_REPLY || estab_ping_is_on_the_way(m))
        return "";
    switch (m->error) {
    case -ESTAB_ENETUNREACH:
        return " !N";
    case -ESTAB_EMSGSIZE:
        return " !F";
    case -ESTAB_EHOSTUNREACH:
        return " !H";
    default:
        return " !X";
    }
}

void
estab_ping_hop_end(struct ping_report *r, unsigned probes)
{
    char text[ESTAB_ADDR_TEXT], time[PING_TEXT];

    if (r->json) {
        fprintf(r->to, "{\"event\": \"hop\", \"hop\": %u, \"probes\": %u, \"answers\": [", r->hop,
                probes);
        for (unsigned i = 0; i < r->answers; i++)
            fprintf(r->to, "%s{\"from\": \"%s\", \"ms\": %.3f, \"last\": %s, \"text\": \"%s\"}",
                    i > 0 ? ", " : "", estab_addr_format(&r->answer[i].from, text),
                    ms_of(r->answer[i].received_at - r->answer[i].sent_at),
                    estab_ping_is_on_the_way(&r->answer[i]) ? "false" : "true",
                    r->answer[i].kind == ESTAB_ECHO_REPLY
                        ? "reply"
                        : estab_ping_error_text(&r->answer[i], time));
        fprintf(r->to, "]}\n");
        fflush(r->to);
        return;
    }
    fprintf(r->to, "%2u ", r->hop);
    for (unsigned i = 0; i < r->answers; i++) {
        if (i == 0 || !estab_addr_equal(&r->answer[i].from, &r->answer[i - 1].from))
            fprintf(r->to, " %s ", estab_addr_format(&r->answer[i].from, text));
        fprintf(r->to, " %s ms%s",
                estab_ping_time(r->answer[i].received_at - r->answer[i].sent_at, time),
                mark_of(&r->answer[i]));
    }
    for (unsigned i = r->answers; i < probes; i++)
        fprintf(r->to, " *");
    fprintf(r->to, "\n");
    fflush(r->to);
}
