/* SPDX-License-Identifier: MIT */
/*
 * A connection as a moving picture. Above, both hosts with state and variables (RFC 9293 §3.3.1);
 * below, the segments, one after the other. The rows are laid out in steps, not in time: a silence
 * is a mark. Motion is CSS alone: without it, everything stands there at once.
 */
#include "trace/story.h"

#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 880,
    LEFT_X = 265,
    RIGHT_X = 615,
    TOP = 178,       /* of the ladder */
    ROW = 58,        /* a segment */
    FALL = 26,       /* how far it comes down on its way */
    GAP = 34,        /* a silence */
    STEP_MS = 1700,  /* a segment, */
    FLIGHT_MS = 900, /* of which it is on its way */
    END_MS = 5000,
    START_MS = 900
};

#define SILENCE ESTAB_MS(500)

struct picture {
    view_write_fn *write;
    void *ctx;
    int error;
    const struct story *story;
    unsigned n; /* steps drawn */
    unsigned total_ms;
    bool waits; /* an end is left in TIME-WAIT */
};

static void
put(struct picture *pic, const char *s, size_t n)
{
    if (pic->error == 0 && n > 0)
        pic->error = pic->write(pic->ctx, s, n);
}

static void
put_all(struct picture *pic, const char *s)
{
    put(pic, s, strlen(s));
}

static void
flush(struct picture *pic, struct phrase *p)
{
    put(pic, p->s, p->len);
    p->len = 0;
    p->s[0] = '\0';
}

/* Text between tags or in an attribute. */
static void
put_text(struct picture *pic, const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '<')
            put_all(pic, "&lt;");
        else if (c == '>')
            put_all(pic, "&gt;");
        else if (c == '&')
            put_all(pic, "&amp;");
        else if (c == '"')
            put_all(pic, "&quot;");
        else if (c >= 0x20)
            put(pic, s, 1);
    }
}

/* ---- time ---- */

static unsigned
leaves_ms(unsigned i)
{
    return START_MS + i * STEP_MS;
}

static unsigned
arrives_ms(unsigned i)
{
    return leaves_ms(i) + FLIGHT_MS;
}

/* "12.34%" of the whole */
static void
add_percent(struct phrase *p, const struct picture *pic, unsigned ms)
{
    unsigned n = (unsigned)((uint64_t)ms * 10000 / pic->total_ms);

    estab_phrase_add(p, "%u.%02u%%", n / 100, n % 100);
}

/* Two instants that a percentage still tells apart. */
static unsigned
instant_ms(const struct picture *pic)
{
    return pic->total_ms / 4000 + 1;
}

/* Seen from an instant until the end. */
static void
appears(struct picture *pic, const char *name, unsigned i, unsigned ms)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "@keyframes %s%u{0%%,", name, i);
    add_percent(&p, pic, ms);
    estab_phrase_add(&p, "{opacity:0}");
    add_percent(&p, pic, ms + 200);
    estab_phrase_add(&p, ",98.5%%{opacity:1}100%%{opacity:0}}.%s%u{animation-name:%s%u}\n", name, i,
                     name, i);
    flush(pic, &p);
}

/* Seen between two instants only; until == 0: to the end. */
static void
shows(struct picture *pic, const char *name, unsigned i, unsigned from, unsigned until)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p, "@keyframes %s%u{0%%", name, i);
    if (from > 0) {
        estab_phrase_add(&p, ",");
        add_percent(&p, pic, from);
        estab_phrase_add(&p, "{opacity:0}");
        add_percent(&p, pic, from + instant_ms(pic));
    }
    if (until > 0) {
        estab_phrase_add(&p, ",");
        add_percent(&p, pic, until);
        estab_phrase_add(&p, "{opacity:1}");
        add_percent(&p, pic, until + instant_ms(pic));
        estab_phrase_add(&p, ",100%%{opacity:0}}");
    } else {
        estab_phrase_add(&p, ",100%%{opacity:1}}");
    }
    estab_phrase_add(&p, ".%s%u{animation-name:%s%u}\n", name, i, name, i);
    flush(pic, &p);
}

/* ---- places ---- */

static bool
is_after_silence(const struct story *s, unsigned i)
{
    return i > 0 && s->step[i].at - s->step[i - 1].at >= SILENCE;
}

static unsigned
row_y(const struct story *s, unsigned i)
{
    unsigned y = TOP;

    for (unsigned k = 0; k <= i; k++)
        y += is_after_silence(s, k) ? GAP : 0;
    return y + i * ROW + 34;
}

static const char *
style_of(const struct story_step *step)
{
    if (step->seg.ctl & ESTAB_CTL_RST)
        return "rst";
    if (step->seg.ctl & ESTAB_CTL_SYN)
        return "syn";
    if (step->seg.ctl & ESTAB_CTL_FIN)
        return "fin";
    switch (step->reason) {
    case ESTAB_WHY_RETRANSMIT_RTO:
    case ESTAB_WHY_RETRANSMIT_LOST:
    case ESTAB_WHY_RETRANSMIT_FAST:
    case ESTAB_WHY_RETRANSMIT_RACK:
    case ESTAB_WHY_RETRANSMIT_PARTIAL:
    case ESTAB_WHY_LOSS_PROBE:
    case ESTAB_WHY_KEEPALIVE_PROBE:
    case ESTAB_WHY_ZERO_WINDOW_PROBE:
        return "again";
    default:
        return step->seg.len > 0 ? "data" : "ack";
    }
}

static const char *
state_style(unsigned state)
{
    if (state == ESTAB_TCPS_ESTABLISHED)
        return "up";
    if (state == ESTAB_TCPS_SYN_SENT || state == ESTAB_TCPS_SYN_RECEIVED)
        return "opening";
    if (state >= ESTAB_TCPS_FIN_WAIT_1)
        return "closing";
    return "off";
}

/* ---- the hosts ---- */

static unsigned
first_state(const struct story *s, unsigned side)
{
    const struct story_step *first = &s->step[0];

    if (first->before[side] != 0)
        return first->before[side];
    if ((first->seg.ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK)) == ESTAB_CTL_SYN)
        return side == first->from ? ESTAB_TCPS_CLOSED : ESTAB_TCPS_LISTEN;
    return first->after[side];
}

static void
state_pill(struct picture *pic, unsigned x, unsigned y, unsigned state)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p,
                     "<rect class=\"pill %s\" x=\"%u\" y=\"%u\" width=\"136\" height=\"26\" "
                     "rx=\"13\"/><text class=\"pilltext\" x=\"%u\" y=\"%u\">%s</text>",
                     state_style(state), x, y, x + 68, y + 18, estab_state_name(state));
    flush(pic, &p);
}

static void
variable(struct picture *pic, unsigned x, unsigned y, const char *name, uint32_t value,
         bool has_changed)
{
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p,
                     "<text class=\"name\" x=\"%u\" y=\"%u\">%s</text>"
                     "<text class=\"value%s\" x=\"%u\" y=\"%u\">",
                     x, y, name, has_changed ? " new" : "", x + 122, y);
    estab_phrase_number(&p, value);
    estab_phrase_add(&p, "</text>");
    flush(pic, &p);
}

/* A host at one moment; NULL: before the first segment. */
static void
host_moment(struct picture *pic, unsigned side, unsigned state, const struct story_variables *v,
            const struct story_variables *before)
{
    static const struct story_variables none;
    unsigned x = side == END_A ? 16 : 454;

    if (v == NULL)
        v = &none;
    if (before == NULL)
        before = &none;
    state_pill(pic, x + 258, 58, state);
    variable(pic, x + 16, 114, "SND.UNA", v->snd_una, v->snd_una != before->snd_una);
    variable(pic, x + 16, 134, "SND.NXT", v->snd_nxt, v->snd_nxt != before->snd_nxt);
    variable(pic, x + 16, 154, "RCV.NXT", v->rcv_nxt, v->rcv_nxt != before->rcv_nxt);
    variable(pic, x + 218, 114, "SND.WND", v->snd_wnd, v->snd_wnd != before->snd_wnd);
    variable(pic, x + 218, 134, "RCV.WND", v->rcv_wnd, v->rcv_wnd != before->rcv_wnd);
    variable(pic, x + 218, 154, "on the way", v->snd_nxt - v->snd_una,
             v->snd_nxt - v->snd_una != before->snd_nxt - before->snd_una);
}

/* When step i has reached this side: when it leaves, or when it arrives. */
static unsigned
reaches_ms(const struct story *s, unsigned side, unsigned i)
{
    return s->step[i].from == side ? leaves_ms(i) : arrives_ms(i);
}

static void
host(struct picture *pic, const struct svg_options *o, unsigned side)
{
    static const char *const name[] = { "client", "server" };
    const struct story *s = pic->story;
    char text[ESTAB_ENDPOINT_TEXT];
    struct phrase p = { .len = 0 };
    unsigned x = side == END_A ? 16 : 454;

    estab_phrase_add(&p,
                     "<rect class=\"box\" x=\"%u\" y=\"46\" width=\"410\" height=\"122\" "
                     "rx=\"10\"/><text class=\"host\" x=\"%u\" y=\"77\">",
                     x, x + 16);
    flush(pic, &p);
    put_text(pic, o->name[side] != NULL ? o->name[side] : name[side]);
    estab_phrase_add(&p, "</text><text class=\"dim\" x=\"%u\" y=\"92\">%s</text>\n", x + 16,
                     estab_endpoint_format(&s->conn.end[side].at, text));
    flush(pic, &p);
    for (unsigned i = 0; i <= pic->n + pic->waits; i++) {
        const struct story_step *step = i > 0 && i <= pic->n ? &s->step[i - 1] : NULL;
        bool is_last = i == pic->n + pic->waits;
        unsigned state = step != NULL ? step->after[side] : first_state(s, side);
        const struct story_variables *v = step != NULL ? &step->var[side] : NULL;
        const struct story_variables *before = i > 1 ? &s->step[i - 2].var[side] : NULL;

        if (i > pic->n) { /* 2MSL are over */
            v = before = &s->step[pic->n - 1].var[side];
            state = s->step[pic->n - 1].after[side];
            if (state == ESTAB_TCPS_TIME_WAIT)
                state = ESTAB_TCPS_CLOSED;
        }
        estab_phrase_add(&p, "<g class=\"m %c%u%s\">", side == END_A ? 'a' : 'b', i,
                         is_last ? "" : " past");
        flush(pic, &p);
        host_moment(pic, side, state, v, before);
        put_all(pic, "</g>\n");
    }
}

static void
host_times(struct picture *pic, unsigned side)
{
    const char *name = side == END_A ? "a" : "b";
    unsigned last = pic->n + pic->waits;

    for (unsigned i = 0; i <= last; i++) {
        unsigned from = i == 0        ? 0
                        : i <= pic->n ? reaches_ms(pic->story, side, i - 1)
                                      : leaves_ms(pic->n);
        unsigned until = i == last    ? 0
                         : i < pic->n ? reaches_ms(pic->story, side, i)
                                      : leaves_ms(pic->n);

        shows(pic, name, i, from, until);
    }
}

/* ---- the segments ---- */

static void
add_label(struct phrase *p, const struct story_step *step)
{
    estab_story_control(step, p);
    estab_phrase_add(p, " seq %u", (unsigned)step->seq);
    if (step->seg.len > 0)
        estab_phrase_add(p, " len %u", (unsigned)step->seg.len);
    if (step->seg.ctl & ESTAB_CTL_ACK)
        estab_phrase_add(p, " ack %u", (unsigned)step->ack);
}

static void
state_mark(struct picture *pic, unsigned side, unsigned y, const struct story_step *step,
           unsigned before)
{
    struct phrase p = { .len = 0 };

    if (step->after[side] == before)
        return;
    estab_phrase_add(&p, "<text class=\"state %s %s\" x=\"%u\" y=\"%u\">%s</text>",
                     state_style(step->after[side]), side == END_A ? "end" : "start",
                     side == END_A ? LEFT_X - 12 : RIGHT_X + 12, y + 5,
                     estab_state_name(step->after[side]));
    flush(pic, &p);
}

static void
segment(struct picture *pic, unsigned i)
{
    const struct story *s = pic->story;
    const struct story_step *step = &s->step[i];
    unsigned y = row_y(s, i);
    unsigned x1 = step->from == END_A ? LEFT_X : RIGHT_X,
             x2 = step->from == END_A ? RIGHT_X : LEFT_X;
    struct phrase p = { .len = 0 };

    if (is_after_silence(s, i)) {
        estab_phrase_add(&p, "<g class=\"r s%u\"><text class=\"dim mid\" x=\"%u\" y=\"%u\">", i,
                         (LEFT_X + RIGHT_X) / 2, y - 34);
        estab_phrase_duration(&p, step->at - s->step[i - 1].at);
        estab_phrase_add(&p, " later</text></g>\n");
        flush(pic, &p);
    }
    estab_phrase_add(&p, "<g class=\"r s%u %s\"><title>packet %llu: ", i, style_of(step),
                     (unsigned long long)step->number);
    flush(pic, &p);
    put_text(pic, estab_reason_text(step->reason));
    put_all(pic, " [");
    put_text(pic, estab_reason_rule(step->reason));
    put_all(pic, "]</title>");
    estab_phrase_add(&p, "<line x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\" marker-end=\"url(#%s)\"/>",
                     x1, y, step->from == END_A ? x2 - 3 : x2 + 3, y + FALL, style_of(step));
    flush(pic, &p);
    estab_phrase_add(&p, "<text class=\"label\" x=\"%u\" y=\"%u\">", (LEFT_X + RIGHT_X) / 2,
                     y + FALL / 2 - 11);
    add_label(&p, step);
    estab_phrase_add(&p, "</text><text class=\"why mid\" x=\"%u\" y=\"%u\">",
                     (LEFT_X + RIGHT_X) / 2, y + FALL / 2 + 20);
    flush(pic, &p);
    put_text(pic, estab_reason_text(step->reason));
    estab_phrase_add(&p, "</text><text class=\"dim time\" x=\"16\" y=\"%u\">+%lld.%06lld s</text>",
                     y + 5, (long long)((step->at - s->step[0].at) / 1000000000),
                     (long long)((step->at - s->step[0].at) % 1000000000 / 1000));
    flush(pic, &p);
    state_mark(pic, step->from, y, step,
               i > 0 ? s->step[i - 1].after[step->from] : first_state(s, step->from));
    put_all(pic, "</g>\n");
    /* the other end changes when the segment comes there */
    estab_phrase_add(&p, "<g class=\"r t%u\">", i);
    flush(pic, &p);
    state_mark(pic, !step->from, y + FALL, step,
               i > 0 ? s->step[i - 1].after[!step->from] : first_state(s, !step->from));
    put_all(pic, "</g>\n");
    estab_phrase_add(&p, "<circle class=\"dot p%u %s\" cx=\"%u\" cy=\"%u\" r=\"7\"/>\n", i,
                     style_of(step), x1, y);
    flush(pic, &p);
}

static void
segment_times(struct picture *pic, unsigned i)
{
    const struct story_step *step = &pic->story->step[i];
    struct phrase p = { .len = 0 };
    int way = step->from == END_A ? RIGHT_X - LEFT_X : LEFT_X - RIGHT_X;

    appears(pic, "s", i, leaves_ms(i));
    appears(pic, "t", i, arrives_ms(i));
    estab_phrase_add(&p, "@keyframes p%u{0%%,", i);
    add_percent(&p, pic, leaves_ms(i));
    estab_phrase_add(&p, "{opacity:0;transform:none}");
    add_percent(&p, pic, leaves_ms(i) + instant_ms(pic));
    estab_phrase_add(&p, "{opacity:1;transform:none}");
    add_percent(&p, pic, arrives_ms(i));
    estab_phrase_add(&p, "{opacity:1;transform:translate(%dpx,%dpx)}", way, (int)FALL);
    add_percent(&p, pic, arrives_ms(i) + instant_ms(pic));
    estab_phrase_add(&p,
                     ",100%%{opacity:0;transform:translate(%dpx,%dpx)}}.p%u{animation-name:p%u}\n",
                     way, (int)FALL, i, i);
    flush(pic, &p);
}

/* ---- the whole ---- */

static const char style[] =
    "svg{--bg:#fff;--fg:#1f2328;--dim:#656d76;--line:#d0d7de;--box:#f6f8fa;--syn:#0969da;"
    "--data:#1a7f37;--ack:#57606a;--fin:#8250df;--rst:#cf222e;--again:#bc4c00;background:var(--bg)}\n"
    "@media(prefers-color-scheme:dark){svg{--bg:#0d1117;--fg:#e6edf3;--dim:#8d96a0;--line:#30363d;"
    "--box:#161b22;--syn:#58a6ff;--data:#3fb950;--ack:#a0a9b3;--fin:#bc8cff;--rst:#ff7b72;"
    "--again:#f0883e}}\n"
    "text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;"
    "fill:var(--fg)}\n"
    ".title{font:600 18px system-ui,\"Segoe UI\",\"DejaVu Sans\",sans-serif}\n"
    ".host{font:600 17px system-ui,\"Segoe UI\",\"DejaVu Sans\",sans-serif}\n"
    ".dim,.name{fill:var(--dim);font-size:12px}.mid,.label{text-anchor:middle}\n"
    ".why{fill:var(--dim);font-size:11px}.end,.value{text-anchor:end}.value.new{font-weight:700;"
    "fill:var(--syn)}\n"
    ".box{fill:var(--box);stroke:var(--line)}.life{stroke:var(--line);stroke-width:2}\n"
    ".pill{fill:var(--ack)}.pill.up{fill:var(--data)}.pill.opening{fill:var(--syn)}"
    ".pill.closing{fill:var(--fin)}\n"
    ".pilltext{fill:var(--bg);text-anchor:middle;font-weight:700;font-size:12px}\n"
    ".state{font-weight:700}.state.up{fill:var(--data)}.state.opening{fill:var(--syn)}"
    ".state.closing{fill:var(--fin)}.state.off{fill:var(--ack)}\n"
    "line{stroke-width:2}.label{font-weight:700}.label,.why{paint-order:stroke;stroke:var(--bg);"
    "stroke-width:4px}\n"
    ".syn line{stroke:var(--syn)}.syn .label,path.syn,.dot.syn{fill:var(--syn)}\n"
    ".data line{stroke:var(--data)}.data .label,path.data,.dot.data{fill:var(--data)}\n"
    ".ack line{stroke:var(--ack)}.ack .label,path.ack,.dot.ack{fill:var(--ack)}\n"
    ".fin line{stroke:var(--fin)}.fin .label,path.fin,.dot.fin{fill:var(--fin)}\n"
    ".rst line{stroke:var(--rst)}.rst .label,path.rst,.dot.rst{fill:var(--rst)}\n"
    ".again line{stroke:var(--again)}.again .label,path.again,.dot.again{fill:var(--again)}\n"
    ".dot,.past{opacity:0}\n";

static void
put_style(struct picture *pic)
{
    struct phrase p = { .len = 0 };

    put_all(pic, "<style>\n");
    put_all(pic, style);
    estab_phrase_add(&p, ".r,.m,.dot{animation:%u.%03us linear infinite}\n", pic->total_ms / 1000,
                     pic->total_ms % 1000);
    flush(pic, &p);
    host_times(pic, END_A);
    host_times(pic, END_B);
    for (unsigned i = 0; i < pic->n; i++)
        segment_times(pic, i);
    if (pic->waits)
        appears(pic, "w", 0, leaves_ms(pic->n));
    put_all(pic, "@media(prefers-reduced-motion:reduce){.r,.m,.dot{animation:none}}\n"
                 "@media print{.r,.m,.dot{animation:none}}\n</style>\n");
}

static void
put_markers(struct picture *pic)
{
    static const char *const kind[] = { "syn", "data", "ack", "fin", "rst", "again" };
    struct phrase p = { .len = 0 };

    put_all(pic, "<defs>");
    for (unsigned i = 0; i < sizeof kind / sizeof kind[0]; i++) {
        estab_phrase_add(&p,
                         "<marker id=\"%s\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" "
                         "markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\">"
                         "<path class=\"%s\" d=\"M0 0L10 5L0 10z\"/></marker>",
                         kind[i], kind[i]);
        flush(pic, &p);
    }
    put_all(pic, "</defs>\n");
}

static void
put_waiting(struct picture *pic, unsigned y)
{
    const struct story_step *last = &pic->story->step[pic->n - 1];
    struct phrase p = { .len = 0 };

    estab_phrase_add(&p,
                     "<g class=\"r w0\"><text class=\"dim mid\" x=\"%u\" y=\"%u\">2MSL later: "
                     "TIME-WAIT is over</text>",
                     (LEFT_X + RIGHT_X) / 2, y);
    flush(pic, &p);
    for (unsigned side = 0; side < 2; side++)
        if (last->after[side] == ESTAB_TCPS_TIME_WAIT) {
            estab_phrase_add(&p, "<text class=\"state off %s\" x=\"%u\" y=\"%u\">CLOSED</text>",
                             side == END_A ? "end" : "start",
                             side == END_A ? LEFT_X - 12 : RIGHT_X + 12, y);
            flush(pic, &p);
        }
    put_all(pic, "</g>\n");
}

int
estab_story_svg(const struct story *s, const struct svg_options *o, view_write_fn *write, void *ctx)
{
    struct picture pic = { .write = write, .ctx = ctx, .story = s };
    unsigned max = o->steps_max > 0 ? o->steps_max : 200;
    struct phrase p = { .len = 0 };
    unsigned height;

    if (s->n == 0)
        return 0;
    pic.n = s->n < max ? s->n : max;
    pic.waits = s->step[pic.n - 1].after[END_A] == ESTAB_TCPS_TIME_WAIT ||
                s->step[pic.n - 1].after[END_B] == ESTAB_TCPS_TIME_WAIT;
    pic.total_ms = leaves_ms(pic.n) + END_MS;
    height = row_y(s, pic.n - 1) + FALL + 40 + (pic.waits ? GAP : 0) + (pic.n < s->n ? GAP : 0);
    estab_phrase_add(&p,
                     "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %u %u\" "
                     "width=\"%u\" height=\"%u\" role=\"img\">\n<title>",
                     (unsigned)WIDTH, height, (unsigned)WIDTH, height);
    flush(&pic, &p);
    put_text(&pic, o->title != NULL ? o->title : "A TCP connection");
    put_all(&pic, "</title>\n");
    put_style(&pic);
    put_markers(&pic);
    estab_phrase_add(&p,
                     "<rect fill=\"var(--bg)\" width=\"%u\" height=\"%u\"/>"
                     "<text class=\"title\" x=\"16\" y=\"30\">",
                     (unsigned)WIDTH, height);
    flush(&pic, &p);
    put_text(&pic, o->title != NULL ? o->title : "A TCP connection");
    put_all(&pic, "</text>\n");
    host(&pic, o, END_A);
    host(&pic, o, END_B);
    for (unsigned side = 0; side < 2; side++) {
        estab_phrase_add(&p, "<line class=\"life\" x1=\"%u\" y1=\"%u\" x2=\"%u\" y2=\"%u\"/>\n",
                         side == 0 ? LEFT_X : RIGHT_X, (unsigned)TOP, side == 0 ? LEFT_X : RIGHT_X,
                         height - 16);
        flush(&pic, &p);
    }
    for (unsigned i = 0; i < pic.n; i++)
        segment(&pic, i);
    if (pic.waits)
        put_waiting(&pic, row_y(s, pic.n - 1) + FALL + GAP);
    if (pic.n < s->n) {
        estab_phrase_add(&p,
                         "<text class=\"dim mid\" x=\"%u\" y=\"%u\">and %u more segments</text>",
                         (LEFT_X + RIGHT_X) / 2, height - 22, s->n - pic.n);
        flush(&pic, &p);
    }
    put_all(&pic, "</svg>\n");
    return pic.error;
}
