/* SPDX-License-Identifier: MIT */
/* See script_segment.h; the header is that of RFC 9293 §3.1, RFC 791 §3.1 and RFC 8200 §3. */
#include "sim/script_segment.h"

#include "sim/script_settings.h"

#include <string.h>

/* ---- reading ---- */

static bool
add_octet(struct sim_script *s, char octet)
{
    void *strings = s->strings;

    if (!sim_grow(&s->from, &strings, &s->strings_cap, s->strings_len + 1, 1))
        return false;
    s->strings = strings;
    s->strings[s->strings_len++] = octet;
    return true;
}

bool
sim_take_text(struct sim_cursor *c, struct sim_script *s, struct sim_script_text *text)
{
    const char *p;

    if (sim_at_end(c) || *c->at != '"')
        return sim_expected(c, "a text in quotation marks");
    text->at = (uint32_t)s->strings_len;
    for (p = c->at + 1; p < c->end && *p != '"'; p++) {
        char octet = *p;

        if (octet == '\\') {
            const char *from = p++;

            octet = p < c->end ? *p : '\0';
            if (octet == 'n')
                octet = '\n';
            else if (octet != '"' && octet != '\\')
                return sim_wrong(c, from, "expected \\n, \\\" or \\\\ after a backslash");
        } else if ((unsigned char)octet < 32 || octet == 127) {
            return sim_wrong(c, p, "a control character stands in this text");
        }
        if (!add_octet(s, octet))
            return sim_wrong(c, p, "no memory for this text");
    }
    if (p >= c->end)
        return sim_wrong(c, c->at, "this text has no closing quotation mark");
    text->len = (uint32_t)s->strings_len - text->at;
    c->at = p + 1;
    return true;
}

static bool
read_bits(struct sim_word w, uint8_t *ctl)
{
    static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };

    *ctl = 0;
    for (size_t at = 0; at <= w.len;) {
        size_t len = 0;
        unsigned i = 0;

        while (at + len < w.len && w.s[at + len] != ',')
            len++;
        while (i < 8 && !sim_word_is((struct sim_word){ w.s + at, len }, names[i]))
            i++;
        if (i == 8 || (*ctl >> i & 1) != 0)
            return false;
        *ctl |= (uint8_t)(1u << i);
        at += len + 1;
    }
    return true;
}

static bool
take_field(struct sim_cursor *c, const char *name, uint32_t max, bool is_expected,
           struct sim_script_field *field, bool *taken)
{
    struct sim_word value;
    uint64_t n;

    *taken = sim_take_key(c, name, &value);
    if (!*taken)
        return true;
    field->given = true;
    field->any = is_expected && sim_word_is(value, "any");
    if (!field->any) {
        if (!sim_word_number(value, max, &n))
            return sim_expected(c, is_expected ? "a number or `any`" : "a number");
        field->value = (uint32_t)n;
    }
    sim_skip(c, value.len);
    return true;
}

/* A word among the options, which ends at a comma too. */
static struct sim_word
option_word(struct sim_cursor *c)
{
    struct sim_word w = sim_peek(c);
    const char *comma = w.len != 0 ? memchr(w.s, ',', w.len) : NULL;

    if (comma != NULL)
        w.len = (size_t)(comma - w.s);
    return w;
}

static bool
take_option_value(struct sim_cursor *c, uint32_t max, bool is_expected,
                  struct sim_script_field *field)
{
    struct sim_word w = option_word(c);
    uint64_t n = 0;

    field->given = true;
    field->any = is_expected && sim_word_is(w, "any");
    if (!field->any && !sim_word_number(w, max, &n))
        return sim_expected(c, is_expected ? "a number or `any`" : "a number");
    field->value = (uint32_t)n;
    sim_skip(c, w.len);
    return true;
}

/* LEFT:RIGHT */
static bool
take_block(struct sim_cursor *c, struct sim_script_option *o)
{
    struct sim_word w = option_word(c);
    const char *colon = w.len != 0 ? memchr(w.s, ':', w.len) : NULL;
    uint64_t left, right;

    if (colon == NULL ||
        !sim_word_number((struct sim_word){ w.s, (size_t)(colon - w.s) }, UINT32_MAX, &left) ||
        !sim_word_number((struct sim_word){ colon + 1, (size_t)(w.s + w.len - colon) - 1 },
                         UINT32_MAX, &right))
        return sim_expected(c, "a block such as 301:401");
    o->value[0] = (struct sim_script_field){ .given = true, .value = (uint32_t)left };
    o->value[1] = (struct sim_script_field){ .given = true, .value = (uint32_t)right };
    sim_skip(c, w.len);
    return true;
}

static bool
take_option(struct sim_cursor *c, bool is_expected, struct sim_script_option *o)
{
    static const char *const names[] = { "mss", "ws", "sackOK", "ts", "sack", "nop" };
    static const uint32_t max[] = { 65535, 255, 0, UINT32_MAX, 0, 0 };
    struct sim_word w = option_word(c);
    unsigned kind = 0;

    while (kind < sizeof names / sizeof names[0] && !sim_word_is(w, names[kind]))
        kind++;
    if (kind == sizeof names / sizeof names[0])
        return sim_expected(c, "an option: mss, ws, sackOK, ts, sack or nop");
    sim_skip(c, w.len);
    o->kind = (enum sim_script_option_kind)kind;
    if (o->kind == SIM_OPTION_SACK)
        return take_block(c, o);
    if (max[kind] != 0 && !take_option_value(c, max[kind], is_expected, &o->value[0]))
        return false;
    if (o->kind != SIM_OPTION_TIMESTAMP)
        return true;
    if (!is_expected && sim_word_is(option_word(c), "last")) {
        o->is_last = true;
        sim_skip(c, 4);
        return true;
    }
    return take_option_value(c, UINT32_MAX, is_expected, &o->value[1]);
}

static unsigned
option_len(enum sim_script_option_kind kind)
{
    static const uint8_t len[] = { 4, 3, 2, 10, 10, 1 };

    return len[kind];
}

/* Behind the `<`. Of several blocks each counts as an option here. */
static bool
take_options(struct sim_cursor *c, bool is_expected, struct sim_script_segment *segment)
{
    unsigned octets = 0;

    do {
        struct sim_script_option *o = &segment->option[segment->n_options];

        if (segment->n_options == SIM_SCRIPT_OPTIONS)
            return sim_wrong(c, c->at, "too many options");
        if (!take_option(c, is_expected, o))
            return false;
        octets += option_len(o->kind);
        if (octets > 40)
            return sim_wrong(c, c->at, "the options take more than 40 octets");
        segment->n_options++;
    } while (sim_take_mark(c, ","));
    return sim_take_mark(c, ">") || sim_expected(c, "`,` or `>` after an option");
}

static bool
take_fields(struct sim_cursor *c, struct sim_script *s, bool is_expected,
            struct sim_script_segment *segment)
{
    const struct {
        const char *name;
        struct sim_script_field *field;
        uint32_t max;
    } fields[] = {
        { "seq", &segment->seq, UINT32_MAX }, { "ack", &segment->ack, UINT32_MAX },
        { "win", &segment->wnd, 65535 },      { "len", &segment->len, SIM_SCRIPT_SEND },
        { "up", &segment->up, 65535 },        { "from", &segment->from, 65535 },
        { "to", &segment->to, 65535 },
    };

    while (!sim_at_end(c)) {
        bool taken = false;

        for (unsigned i = 0; i < sizeof fields / sizeof fields[0] && !taken; i++)
            if (!take_field(c, fields[i].name, fields[i].max, is_expected, fields[i].field, &taken))
                return false;
        if (taken)
            continue;
        if (*c->at == '"' && !segment->has_text) {
            segment->has_text = true;
            if (!sim_take_text(c, s, &segment->text))
                return false;
        } else if (segment->n_options == 0 && sim_take_mark(c, "<")) {
            if (!take_options(c, is_expected, segment))
                return false;
        } else {
            return sim_expected(c, "seq=, ack=, win=, len=, up=, from=, to=, a text in quotation "
                                   "marks, or options such as <mss 1460>");
        }
    }
    return true;
}

bool
sim_segment_parse(struct sim_cursor *c, struct sim_script *s, bool is_expected,
                  struct sim_script_segment *segment)
{
    struct sim_word w = sim_peek(c);

    memset(segment, 0, sizeof *segment);
    segment->any_ctl = is_expected && sim_word_is(w, "any");
    if (!segment->any_ctl && !read_bits(w, &segment->ctl))
        return sim_expected(c, "control bits such as SYN,ACK (of SYN FIN RST PSH URG ECE CWR ACK)");
    sim_skip(c, w.len);
    if (!take_fields(c, s, is_expected, segment))
        return false;
    if (!segment->seq.given)
        return sim_expected(c, is_expected ? "seq=NUMBER or seq=any" : "seq=NUMBER");
    if ((segment->ctl & ESTAB_CTL_ACK) != 0 && !segment->ack.given)
        return sim_expected(c, is_expected ? "ack=NUMBER or ack=any" : "ack=NUMBER");
    if (segment->has_text && segment->len.given)
        return sim_wrong(c, c->at, "a text has its own length: len= does not go with it");
    return true;
}

/* ---- writing ---- */

uint8_t
sim_segment_octet(uint32_t i)
{
    return (uint8_t)('a' + i % 26);
}

uint32_t
sim_segment_text_len(const struct sim_script_segment *segment)
{
    return segment->has_text ? segment->text.len : segment->len.value;
}

static void
put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* Options in the order of the script, padded with their end; the octets. */
static uint32_t
write_options(uint8_t *p, const struct sim_script_segment *segment,
              const struct sim_segment_numbers *numbers)
{
    static const uint8_t kinds[] = { 2, 3, 4, 8, 5, 1 };
    uint32_t n = 0;

    for (unsigned i = 0; i < segment->n_options; i++) {
        const struct sim_script_option *o = &segment->option[i];
        uint32_t len = option_len(o->kind);

        p[n] = kinds[o->kind];
        if (o->kind != SIM_OPTION_NOP)
            p[n + 1] = (uint8_t)len;
        if (o->kind == SIM_OPTION_MSS) {
            put16(p + n + 2, o->value[0].value);
        } else if (o->kind == SIM_OPTION_WSCALE) {
            p[n + 2] = (uint8_t)o->value[0].value;
        } else if (o->kind == SIM_OPTION_TIMESTAMP) {
            put32(p + n + 2, o->value[0].value);
            put32(p + n + 6, o->is_last ? numbers->ts_val : o->value[1].value);
        } else if (o->kind == SIM_OPTION_SACK) {
            put32(p + n + 2, o->value[0].value + numbers->shift);
            put32(p + n + 6, o->value[1].value + numbers->shift);
        }
        n += len;
    }
    while (n % 4 != 0)
        p[n++] = 0;
    return n;
}

static uint32_t
write_ip(uint8_t *p, const struct sim_segment_names *names, uint32_t payload)
{
    if (names->src.addr.family == ESTAB_INET) {
        memset(p, 0, 20);
        p[0] = 0x45;
        put16(p + 2, 20 + payload);
        p[6] = 0x40; /* do not fragment */
        p[8] = 64;
        p[9] = 6;
        memcpy(p + 12, names->src.addr.bytes, 4);
        memcpy(p + 16, names->dst.addr.bytes, 4);
        return 20;
    }
    memset(p, 0, 40);
    p[0] = 0x60;
    put16(p + 4, payload);
    p[6] = 6;
    p[7] = 64;
    memcpy(p + 8, names->src.addr.bytes, 16);
    memcpy(p + 24, names->dst.addr.bytes, 16);
    return 40;
}

uint32_t
sim_segment_write(uint8_t *out, const struct sim_script *s,
                  const struct sim_script_segment *segment,
                  const struct sim_segment_numbers *numbers, const struct sim_segment_names *names)
{
    uint32_t len = sim_segment_text_len(segment), ip, options;
    uint8_t tcp[60] = { 0 };

    options = write_options(tcp + 20, segment, numbers);
    put16(tcp, names->src.port);
    put16(tcp + 2, names->dst.port);
    put32(tcp + 4, segment->seq.value);
    put32(tcp + 8, segment->ack.given ? segment->ack.value + numbers->shift : 0);
    tcp[12] = (uint8_t)((20 + options) / 4 << 4);
    tcp[13] = segment->ctl;
    put16(tcp + 14, segment->wnd.given ? segment->wnd.value : 65535);
    put16(tcp + 18, segment->up.value);
    ip = write_ip(out, names, 20 + options + len);
    memcpy(out + ip, tcp, 20 + options);
    for (uint32_t i = 0; i < len; i++)
        out[ip + 20 + options + i] =
            segment->has_text ? (uint8_t)s->strings[segment->text.at + i] : sim_segment_octet(i);
    sim_packet_seal(out, ip + 20 + options + len);
    return ip + 20 + options + len;
}

/* ---- comparing ---- */

static bool
is_equal(const struct sim_script_field *field, uint32_t value)
{
    return !field->given || field->any || field->value == value;
}

static bool
has_block(const struct estab_trace_segment *seg, const struct sim_script_option *o)
{
    for (unsigned i = 0; i < seg->sack_blocks; i++)
        if (seg->sack[i][0] == o->value[0].value && seg->sack[i][1] == o->value[1].value)
            return true;
    return false;
}

static bool
has_option(const struct estab_trace_segment *seg, const struct sim_script_option *o)
{
    switch (o->kind) {
    case SIM_OPTION_MSS:
        return seg->has_mss && is_equal(&o->value[0], seg->mss);
    case SIM_OPTION_WSCALE:
        return seg->has_wscale && is_equal(&o->value[0], seg->wscale);
    case SIM_OPTION_SACK_OK:
        return seg->sack_permitted;
    case SIM_OPTION_TIMESTAMP:
        return seg->has_ts && is_equal(&o->value[0], seg->ts_val) &&
               is_equal(&o->value[1], seg->ts_ecr);
    case SIM_OPTION_SACK:
        return has_block(seg, o);
    case SIM_OPTION_NOP:
        break;
    }
    return true;
}

bool
sim_segment_matches(const struct sim_script *s, const struct sim_script_segment *segment,
                    const struct sim_packet *packet, const struct sim_segment_numbers *numbers)
{
    const struct estab_trace_segment *seg = &packet->seg;
    /* Where a burst is cut is no concern of most scripts: PSH counts only when it is named. */
    uint8_t ctl = seg->ctl;

    if ((segment->ctl & ESTAB_CTL_PSH) == 0)
        ctl &= (uint8_t)~ESTAB_CTL_PSH;
    if ((!segment->any_ctl && ctl != segment->ctl) ||
        !is_equal(&segment->seq, seg->seq - numbers->shift) || !is_equal(&segment->ack, seg->ack) ||
        !is_equal(&segment->wnd, seg->wnd) || !is_equal(&segment->up, seg->up) ||
        !is_equal(&segment->from, packet->src.port) || !is_equal(&segment->to, packet->dst.port))
        return false;
    if (segment->has_text &&
        (seg->len != segment->text.len ||
         (seg->len != 0 && memcmp(packet->text, s->strings + segment->text.at, seg->len) != 0)))
        return false;
    if (!segment->has_text && !segment->len.any && seg->len != segment->len.value)
        return false;
    for (unsigned i = 0; i < segment->n_options; i++)
        if (!has_option(seg, &segment->option[i]))
            return false;
    return true;
}

/* ---- showing ---- */

static void
show_field(struct sim_text *t, const char *name, const struct sim_script_field *field)
{
    if (!field->given)
        return;
    sim_text_put(t, name);
    if (field->any)
        sim_text_put(t, "any");
    else
        sim_text_number(t, field->value);
}

static void
show_option(struct sim_text *t, bool first, const struct sim_script_option *o)
{
    static const char *const names[] = { "mss ", "ws ", "sackOK", "ts ", "sack ", "nop" };

    sim_text_put(t, first ? " <" : ",");
    sim_text_put(t, names[o->kind]);
    show_field(t, "", &o->value[0]);
    show_field(t, o->kind == SIM_OPTION_SACK ? ":" : " ", &o->value[1]);
}

void
sim_segment_show(struct sim_text *t, const struct sim_script *s,
                 const struct sim_script_segment *segment)
{
    if (segment->any_ctl)
        sim_text_put(t, "any");
    else
        sim_text_ctl(t, segment->ctl);
    show_field(t, " seq=", &segment->seq);
    show_field(t, " ack=", &segment->ack);
    show_field(t, " win=", &segment->wnd);
    show_field(t, " len=", &segment->len);
    show_field(t, " up=", &segment->up);
    show_field(t, " from=", &segment->from);
    show_field(t, " to=", &segment->to);
    if (segment->has_text) {
        sim_text_put(t, " ");
        sim_text_quoted(t, s->strings + segment->text.at, segment->text.len);
    }
    for (unsigned i = 0; i < segment->n_options; i++)
        show_option(t, i == 0, &segment->option[i]);
    if (segment->n_options > 0)
        sim_text_put(t, ">");
}

static bool
is_printable(const uint8_t *p, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        if (p[i] < 32 || p[i] > 126)
            return false;
    return true;
}

static void
show_options(struct sim_text *t, const struct estab_trace_segment *seg)
{
    struct sim_script_option o[4 + 4] = { { .kind = SIM_OPTION_MSS } };
    unsigned n = 0;

    if (seg->has_mss)
        o[n++] = (struct sim_script_option){ SIM_OPTION_MSS, { { true, false, seg->mss } }, false };
    if (seg->has_wscale)
        o[n++] = (struct sim_script_option){ SIM_OPTION_WSCALE,
                                             { { true, false, seg->wscale } },
                                             false };
    if (seg->sack_permitted)
        o[n++] = (struct sim_script_option){ .kind = SIM_OPTION_SACK_OK };
    if (seg->has_ts)
        o[n++] = (struct sim_script_option){ SIM_OPTION_TIMESTAMP,
                                             { { true, false, seg->ts_val },
                                               { true, false, seg->ts_ecr } },
                                             false };
    for (unsigned i = 0; i < seg->sack_blocks && i < 4; i++)
        o[n++] = (struct sim_script_option){ SIM_OPTION_SACK,
                                             { { true, false, seg->sack[i][0] },
                                               { true, false, seg->sack[i][1] } },
                                             false };
    for (unsigned i = 0; i < n; i++)
        show_option(t, i == 0, &o[i]);
    if (n > 0)
        sim_text_put(t, ">");
}

void
sim_segment_show_packet(struct sim_text *t, const struct sim_packet *packet,
                        const struct sim_segment_numbers *numbers)
{
    const struct estab_trace_segment *seg = &packet->seg;

    if (!packet->is_tcp) {
        sim_text_put(t, packet->is_icmp ? "an ICMP message" : "a packet that is not TCP");
        return;
    }
    sim_text_ctl(t, seg->ctl);
    sim_text_put(t, " seq=");
    sim_text_number(t, (uint32_t)(seg->seq - numbers->shift));
    if ((seg->ctl & ESTAB_CTL_ACK) != 0) {
        sim_text_put(t, " ack=");
        sim_text_number(t, seg->ack);
    }
    sim_text_put(t, " win=");
    sim_text_number(t, seg->wnd);
    if (seg->up != 0) {
        sim_text_put(t, " up=");
        sim_text_number(t, seg->up);
    }
    if (seg->len > 0 && is_printable(packet->text, seg->len)) {
        sim_text_put(t, " ");
        sim_text_quoted(t, (const char *)packet->text, seg->len);
    }
    if (seg->len > 0 && !is_printable(packet->text, seg->len)) {
        sim_text_put(t, " len=");
        sim_text_number(t, seg->len);
    }
    show_options(t, seg);
}
