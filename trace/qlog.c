/* SPDX-License-Identifier: MIT */
/* The writer of qlog.h. Everything that comes from packets is a number or passes estab_json_text. */
#include "trace/qlog.h"
#include "trace/list.h"

#include <inttypes.h>

static void
put(struct qlog *q, struct phrase *p)
{
    if (q->error == 0 && p->len > 0)
        q->error = q->write(q->ctx, p->s, p->len);
    p->len = 0;
    p->s[0] = '\0';
}

int
estab_qlog_begin(struct qlog *q, const char *title)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "\x1e{\"file_schema\":\"urn:ietf:params:qlog:file:sequential\","
                         "\"serialization_format\":\"application/qlog+json-seq\",\"title\":\"");
    put(q, &p);
    for (; *title != '\0'; title++) {
        estab_json_text(&p, (char[2]){ *title, '\0' });
        put(q, &p);
    }
    estab_phrase_add(&p, "\",\"trace\":{\"event_schemas\":[\"urn:estab:qlog:events:tcp-1\"],"
                         "\"vantage_point\":{\"name\":\"capture\",\"type\":\"network\","
                         "\"flow\":\"client\"},");
    put(q, &p);
    estab_phrase_add(&p, "\"common_fields\":{\"time_format\":\"relative_to_epoch\","
                         "\"reference_time\":{\"clock_type\":\"system\","
                         "\"epoch\":\"1970-01-01T00:00:00.000Z\"}}}}\n");
    put(q, &p);
    return q->error;
}

/* Up to `"data":{`. */
static void
event(struct qlog *q, estab_time at, const char *name, uint64_t conn)
{
    struct phrase p = { .len = 0 };
    uint64_t us = (uint64_t)(at > 0 ? at : 0) / 1000;

    estab_phrase_add(&p, "\x1e{\"time\":%" PRIu64 ".%03u", us / 1000, (unsigned)(us % 1000));
    estab_phrase_add(&p, ",\"name\":\"tcp:%s\",\"group_id\":\"%" PRIu64 "\",\"data\":{", name,
                     conn);
    put(q, &p);
}

static void
end(struct qlog *q)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "}}\n");
    put(q, &p);
}

static const char *
end_name(unsigned side)
{
    return side == END_A ? "client" : "server";
}

static void
tell_state(struct qlog *q, const struct segment_seen *s, unsigned side)
{
    struct phrase p = { .len = 0 };

    if (!s->state[side].known ||
        (s->state[side].was_known && s->state[side].before == s->state[side].after))
        return;
    event(q, s->packet->at, "state_updated", s->conn->number);
    estab_phrase_add(
        &p, "\"end\":\"%s\",\"old\":\"%s\",\"new\":\"%s\"", end_name(side),
        estab_state_name(s->state[side].was_known ? s->state[side].before : ESTAB_TCPS_CLOSED),
        estab_state_name(s->state[side].after));
    put(q, &p);
    estab_phrase_add(&p, ",\"trigger\":\"%s\"", estab_cause_name(s->state[side].cause));
    put(q, &p);
    end(q);
}

static void
tell_flags(struct qlog *q, unsigned ctl)
{
    static const char *const name[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };
    struct phrase p = { .len = 0 };
    bool is_first = true;

    estab_phrase_add(&p, ",\"flags\":[");
    for (unsigned i = 0; i < 8; i++)
        if (ctl & 1u << i) {
            estab_phrase_add(&p, "%s\"%s\"", is_first ? "" : ",", name[i]);
            is_first = false;
        }
    estab_phrase_add(&p, "]");
    put(q, &p);
}

static void
tell_options(struct qlog *q, const struct estab_trace_segment *seg)
{
    struct phrase p = { .len = 0 };

    if (seg->has_mss)
        estab_phrase_add(&p, ",\"mss\":%u", (unsigned)seg->mss);
    if (seg->has_wscale)
        estab_phrase_add(&p, ",\"window_scale\":%u", (unsigned)seg->wscale);
    if (seg->sack_permitted)
        estab_phrase_add(&p, ",\"sack_permitted\":true");
    if (seg->has_ts)
        estab_phrase_add(&p, ",\"ts_val\":%" PRIu32 ",\"ts_ecr\":%" PRIu32, seg->ts_val,
                         seg->ts_ecr);
    for (unsigned i = 0; i < seg->sack_blocks && i < 4; i++)
        estab_phrase_add(&p, "%s[%" PRIu32 ",%" PRIu32 "]", i == 0 ? ",\"sack\":[" : ",",
                         seg->sack[i][0], seg->sack[i][1]);
    if (seg->sack_blocks > 0)
        estab_phrase_add(&p, "]");
    put(q, &p);
}

/* Of the end whose text was acknowledged. */
static void
tell_metrics(struct qlog *q, const struct segment_seen *s)
{
    const struct end_seen *o = &s->conn->end[!s->from], *e = &s->conn->end[s->from];
    struct phrase p = { .len = 0 };

    if (o->rtt_samples > 0 && o->rtt_number == s->packet->number) {
        event(q, s->packet->at, "metrics_updated", s->conn->number);
        estab_phrase_add(&p, "\"end\":\"%s\",\"latest_rtt\":%" PRId64 ".%03" PRId64,
                         end_name(!s->from), o->rtt_last / 1000000, o->rtt_last / 1000 % 1000);
        estab_phrase_add(&p, ",\"smoothed_rtt\":%" PRId64 ".%03" PRId64, o->srtt / 1000000,
                         o->srtt / 1000 % 1000);
        estab_phrase_add(&p, ",\"min_rtt\":%" PRId64 ".%03" PRId64, o->rtt_min / 1000000,
                         o->rtt_min / 1000 % 1000);
        estab_phrase_add(&p, ",\"bytes_in_flight\":%" PRIu32, o->snd_max - o->snd_una);
        put(q, &p);
        end(q);
    }
    if (s->told_cwnd > 0) {
        event(q, s->packet->at, "metrics_updated", s->conn->number);
        estab_phrase_add(&p, "\"end\":\"%s\",\"congestion_window\":%" PRIu32, end_name(s->from),
                         s->told_cwnd);
        if (s->told_ssthresh > 0)
            estab_phrase_add(&p, ",\"ssthresh\":%" PRIu32, s->told_ssthresh);
        estab_phrase_add(&p, ",\"bytes_in_flight\":%" PRIu32, e->snd_max - e->snd_una);
        put(q, &p);
        end(q);
    }
}

int
estab_qlog_segment(struct qlog *q, const struct segment_seen *s)
{
    const struct estab_trace_segment *seg = &s->packet->seg;
    struct phrase p = { .len = 0 };

    if (q->only > 0 && s->conn->number != q->only)
        return q->error;
    if (s->is_new) {
        char a[ESTAB_ENDPOINT_TEXT], b[ESTAB_ENDPOINT_TEXT];

        event(q, s->packet->at, "connection_started", s->conn->number);
        estab_phrase_add(&p, "\"client\":\"%s\",\"server\":\"%s\"",
                         estab_endpoint_format(&s->conn->end[END_A].at, a),
                         estab_endpoint_format(&s->conn->end[END_B].at, b));
        put(q, &p);
        end(q);
    }
    tell_state(q, s, s->from);
    event(q, s->packet->at, "segment", s->conn->number);
    estab_phrase_add(&p, "\"packet\":%" PRIu64 ",\"from\":\"%s\",\"seq\":%" PRIu32,
                     s->packet->number, end_name(s->from), seg->seq);
    if (seg->ctl & ESTAB_CTL_ACK)
        estab_phrase_add(&p, ",\"ack\":%" PRIu32, seg->ack);
    estab_phrase_add(&p, ",\"length\":%" PRIu32 ",\"window\":%" PRIu32, seg->len, seg->wnd);
    put(q, &p);
    tell_flags(q, seg->ctl);
    tell_options(q, seg);
    estab_phrase_add(&p, ",\"reason\":\"%s\",\"verdict\":\"%s\",\"told\":%s",
                     estab_reason_name(s->reason), estab_verdict_name(s->verdict),
                     s->reason_told || s->verdict_told ? "true" : "false");
    put(q, &p);
    end(q);
    tell_state(q, s, !s->from);
    tell_metrics(q, s);
    return q->error;
}

int
estab_qlog_connection(struct qlog *q, const struct connection *c)
{
    struct verdict verdict[TRACE_VERDICT_COUNT];
    unsigned n = estab_trace_verdicts(c, verdict);
    struct phrase p = { .len = 0 };

    if (q->only > 0 && c->number != q->only)
        return q->error;
    event(q, c->last_at, "connection_closed", c->number);
    estab_phrase_add(&p, "\"began\":\"%s\",\"ended\":\"%s\",\"verdicts\":[", estab_trace_begun(c),
                     estab_trace_ended(c));
    put(q, &p);
    for (unsigned i = 0; i < n; i++) {
        estab_phrase_add(&p, "%s\"%s\"", i > 0 ? "," : "", estab_trace_verdict_id(verdict[i].kind));
        put(q, &p);
    }
    estab_phrase_add(&p, "]");
    put(q, &p);
    end(q);
    return q->error;
}
