/* SPDX-License-Identifier: MIT */
/*
 * Files are read by trace/capture.c, so that comments are there and no library is needed; libpcap
 * (pcap(3PCAP)), where the build has found it, compiles filters and captures from devices.
 */
#include "cli/trace_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef ESTAB_WITH_PCAP
#include <pcap/pcap.h>

enum { FILTER_LINKS = 16, LIVE_WAIT_MS = 100 };

/* A filter is compiled for each kind of link that occurs. */
struct filter {
    uint32_t link;
    struct bpf_program program;
};
#endif

struct trace_source {
    int fd;
    struct buffered *reader;
    struct capture *capture;
    uint64_t done, size;
    int error; /* errno */
    const char *name, *filter;
#ifdef ESTAB_WITH_PCAP
    pcap_t *live;
    uint64_t number;
    struct filter filters[FILTER_LINKS];
    unsigned n_filters;
#endif
};

/* A capture_read_fn. */
static ptrdiff_t
read_file(void *ctx, void *p, size_t n)
{
    struct trace_source *s = ctx;

    for (;;) {
        ssize_t got = read(s->fd, p, n);

        if (got >= 0) {
            s->done += (uint64_t)got;
            return got;
        }
        if (errno != EINTR) {
            s->error = errno;
            return -1;
        }
    }
}

/* The reader asks for a few octets at a time. */
struct buffered {
    struct trace_source *source;
    size_t at, end;
    uint8_t octets[1 << 16];
};

static ptrdiff_t
read_buffered(void *ctx, void *p, size_t n)
{
    struct buffered *b = ctx;

    if (b->at == b->end) {
        ptrdiff_t got = read_file(b->source, b->octets, sizeof b->octets);

        if (got <= 0)
            return got;
        b->at = 0;
        b->end = (size_t)got;
    }
    if (n > b->end - b->at)
        n = b->end - b->at;
    memcpy(p, b->octets + b->at, n);
    b->at += n;
    return (ptrdiff_t)n;
}

#ifdef ESTAB_WITH_PCAP

static const struct bpf_program *
filter_for(struct trace_source *s, uint32_t link, struct failure *why)
{
    struct filter *f;
    pcap_t *p;

    for (unsigned i = 0; i < s->n_filters; i++)
        if (s->filters[i].link == link)
            return &s->filters[i].program;
    if (s->n_filters == FILTER_LINKS) {
        (void)estab_fail(why, "more kinds of link than filters are made for");
        return NULL;
    }
    f = &s->filters[s->n_filters];
    f->link = link;
    p = pcap_open_dead(link == LINK_RAW ? DLT_RAW : (int)link, CAPTURE_PACKET_MAX);
    if (p == NULL) {
        (void)estab_fail(why, "out of memory");
        return NULL;
    }
    if (pcap_compile(p, &f->program, s->filter, 1, PCAP_NETMASK_UNKNOWN) < 0) {
        (void)estab_fail(why, "filter: %.300s", pcap_geterr(p));
        pcap_close(p);
        return NULL;
    }
    pcap_close(p);
    s->n_filters++;
    return &f->program;
}

/* 1: it passes; 0: not; -1 and why. */
static int
passes(struct trace_source *s, const struct capture_packet *packet, struct failure *why)
{
    const struct bpf_program *program;
    struct pcap_pkthdr head = { .caplen = packet->len, .len = packet->wire_len };

    if (s->filter == NULL)
        return 1;
    program = filter_for(s, packet->link, why);
    if (program == NULL)
        return -1;
    return pcap_offline_filter(program, &head, packet->data) != 0;
}

static int
open_device(struct trace_source *s, const struct trace_source_options *o, struct failure *why)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    struct bpf_program program;

    s->live = pcap_open_live(o->device, CAPTURE_PACKET_MAX, 0, 100, text);
    if (s->live == NULL)
        return estab_fail(why, "cannot capture from %.100s: %.300s", o->device, text);
    if (pcap_setnonblock(s->live, 1, text) < 0)
        return estab_fail(why, "cannot capture from %.100s: %.300s", o->device, text);
    if (o->filter != NULL) {
        if (pcap_compile(s->live, &program, o->filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
            return estab_fail(why, "filter: %.300s", pcap_geterr(s->live));
        if (pcap_setfilter(s->live, &program) < 0) {
            pcap_freecode(&program);
            return estab_fail(why, "filter: %.300s", pcap_geterr(s->live));
        }
        pcap_freecode(&program);
    }
    return 0;
}

static int
next_live(struct trace_source *s, struct capture_packet *packet, struct failure *why)
{
    struct pcap_pkthdr *head;
    const uint8_t *data;
    struct pollfd wait = { .fd = pcap_get_selectable_fd(s->live), .events = POLLIN };
    int link = pcap_datalink(s->live), n = pcap_next_ex(s->live, &head, &data);

    if (n == PCAP_ERROR)
        return estab_fail(why, "%.100s: %.300s", s->name, pcap_geterr(s->live));
    /* libpcap would wait for a packet whatever signal comes. */
    if (n == 0)
        (void)poll(&wait, 1, LIVE_WAIT_MS);
    if (n != 1)
        return 0;
    *packet = (struct capture_packet){
        .number = ++s->number,
        .at = (estab_time)head->ts.tv_sec * 1000000000 + (estab_time)head->ts.tv_usec * 1000,
        .link = link == DLT_RAW ? LINK_RAW : (uint32_t)link,
        .data = data,
        .len = head->caplen,
        .wire_len = head->len > head->caplen ? head->len : head->caplen,
        .comment = "",
    };
    return 1;
}

#endif

static int
open_file(struct trace_source *s, const struct trace_source_options *o, struct failure *why)
{
    struct buffered *b;
    struct stat st;

    s->fd = strcmp(o->file, "-") == 0 ? STDIN_FILENO : open(o->file, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0)
        return estab_fail(why, "cannot read %.300s: %s", o->file, strerror(errno));
    if (fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode))
        s->size = (uint64_t)st.st_size;
    b = calloc(1, sizeof *b);
    s->reader = b;
    if (b != NULL) {
        b->source = s;
        s->capture = estab_captured_new(read_buffered, b);
    }
    return s->capture != NULL ? 0 : estab_fail(why, "out of memory");
}

struct trace_source *
estab_trace_source_open(const struct trace_source_options *o, struct failure *why)
{
    struct trace_source *s = calloc(1, sizeof *s);
    int result;

    if (s == NULL) {
        (void)estab_fail(why, "out of memory");
        return NULL;
    }
    s->fd = -1;
    s->name = o->file != NULL ? o->file : o->device;
    s->filter = o->filter;
#ifdef ESTAB_WITH_PCAP
    result = o->file != NULL ? open_file(s, o, why) : open_device(s, o, why);
#else
    if (o->device != NULL || o->filter != NULL)
        result = estab_fail(why, "filters and live captures need libpcap, without which this estab "
                                 "was built");
    else
        result = open_file(s, o, why);
#endif
    if (result < 0) {
        estab_trace_source_close(s);
        return NULL;
    }
    return s;
}

int
estab_trace_source_next(struct trace_source *s, struct capture_packet *packet, struct failure *why)
{
#ifdef ESTAB_WITH_PCAP
    if (s->live != NULL)
        return next_live(s, packet, why);
#endif
    for (;;) {
        int n = estab_captured_next(s->capture, packet);

        if (n < 0 && s->error != 0)
            return estab_fail(why, "cannot read %.300s: %s", s->name, strerror(s->error));
        if (n < 0)
            return estab_fail(why, "%.300s: %s", s->name, estab_captured_error(s->capture));
#ifdef ESTAB_WITH_PCAP
        if (n > 0) {
            int wanted = passes(s, packet, why);

            if (wanted == 0)
                continue;
            if (wanted < 0)
                return -1;
        }
#endif
        return n;
    }
}

bool
estab_trace_source_progress(const struct trace_source *s, uint64_t *done, uint64_t *of)
{
    *done = s->done;
    *of = s->size;
    return s->size > 0;
}

void
estab_trace_source_close(struct trace_source *s)
{
    if (s == NULL)
        return;
#ifdef ESTAB_WITH_PCAP
    for (unsigned i = 0; i < s->n_filters; i++)
        pcap_freecode(&s->filters[i].program);
    if (s->live != NULL)
        pcap_close(s->live);
#endif
    estab_captured_free(s->capture);
    free(s->reader);
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    free(s);
}
