/* SPDX-License-Identifier: MIT */
/* The answer to one request; see http_answer.h. */
#include "cli/http_answer.h"
#include "cli/http_files.h"
#include "estab/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What stands in the head beside the fields that every answer has. */
struct head {
    unsigned status;
    bool keep_alive, http_1_0;
    const char *type;
    uint64_t length;
    char more[HTTP_TARGET_MAX * 3 + 256]; /* whole field lines */
};

/* Head and, if `body` is not NULL, body in one piece of memory. */
static void
write_answer(struct http_answer *answer, const struct head *head, const char *body, size_t body_len)
{
    char date[32];
    size_t cap = strlen(head->more) + 512 + body_len;
    int n;

    answer->status = head->status;
    answer->body = head->length;
    answer->text = malloc(cap);
    if (answer->text == NULL)
        return;
    n = snprintf(answer->text, cap,
                 "HTTP/1.1 %u %s\r\nDate: %s\r\nServer: estab/%s\r\nContent-Type: %s\r\n"
                 "Content-Length: %" PRIu64 "\r\n%s%s\r\n",
                 head->status, estab_http_reason(head->status),
                 estab_http_date((int64_t)time(NULL), date), ESTAB_VERSION, head->type,
                 head->length, head->more,
                 !head->keep_alive ? "Connection: close\r\n"
                 : head->http_1_0  ? "Connection: keep-alive\r\n"
                                   : "");
    answer->len = (size_t)n;
    if (body_len > 0)
        memcpy(answer->text + answer->len, body, body_len);
    answer->len += body_len;
}

/* A short page that says the status; `more` are field lines or "". */
static struct http_answer
page(unsigned status, bool head_only, bool keep_alive, bool http_1_0, const char *more)
{
    struct http_answer answer = { .fd = -1 };
    struct head head = {
        .status = status,
        .keep_alive = keep_alive,
        .http_1_0 = http_1_0,
        .type = "text/html; charset=utf-8",
    };
    char body[256];
    int n = snprintf(body, sizeof body, "<!DOCTYPE html>\n<title>%u %s</title>\n<h1>%u %s</h1>\n",
                     status, estab_http_reason(status), status, estab_http_reason(status));

    head.length = (uint64_t)n;
    snprintf(head.more, sizeof head.more, "%s", more);
    write_answer(&answer, &head, body, head_only ? 0 : (size_t)n);
    return answer;
}

struct http_answer
estab_http_refusal(unsigned status, bool head_only)
{
    return page(status, head_only, false, false,
                status == 405 || status == 501 ? "Allow: GET, HEAD\r\n" : "");
}

/* The path comes from our own decoded form: a target such as "//host/" must not become a Location
 * on another host. */
static struct http_answer
redirect_to_directory(const struct http_request *request, bool keep_alive)
{
    char more[HTTP_TARGET_MAX * 3 + 64] = "Location: /";

    if (!estab_http_encode_path(more, sizeof more - 4, request->path))
        return estab_http_refusal(500, request->head_only);
    strcat(more, "/\r\n");
    return page(301, request->head_only, keep_alive, request->http_1_0, more);
}

static struct http_answer
listing(const struct http_request *request, struct http_file *file, bool keep_alive)
{
    struct http_answer answer = { .fd = -1 };
    struct head head = {
        .status = 200,
        .keep_alive = keep_alive,
        .http_1_0 = request->http_1_0,
        .type = "text/html; charset=utf-8",
    };
    size_t len = 0;
    char *body = estab_http_list(file->fd, request->path, &len);

    close(file->fd);
    if (body == NULL)
        return estab_http_refusal(503, request->head_only);
    head.length = len;
    write_answer(&answer, &head, body, request->head_only ? 0 : len);
    free(body);
    return answer;
}

static struct http_answer
document(const struct http_request *request, struct http_file *file, bool keep_alive)
{
    struct http_answer answer = { .fd = -1 };
    struct head head = { .keep_alive = keep_alive,
                         .http_1_0 = request->http_1_0,
                         .type = file->type };
    const struct http_range all = { HTTP_RANGE_NONE, 0, 0 };
    char modified[32], more[128];
    uint64_t first;
    bool part;

    estab_http_date(file->modified, modified);
    /* RFC 9110 §13.1.5: a part is of use only when the rest, had before, is of the same file. */
    part = request->if_range.len == 0 || estab_text_is(request->if_range, modified);
    head.status =
        estab_http_range_of(part ? &request->range : &all, file->size, &first, &head.length);
    if (head.status == 416) {
        close(file->fd);
        snprintf(more, sizeof more, "Content-Range: bytes */%" PRIu64 "\r\n", file->size);
        return page(416, request->head_only, keep_alive, request->http_1_0, more);
    }
    snprintf(head.more, sizeof head.more, "Last-Modified: %s\r\nAccept-Ranges: bytes\r\n",
             modified);
    if (head.status == 206)
        snprintf(head.more + strlen(head.more), sizeof head.more - strlen(head.more),
                 "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", first,
                 first + head.length - 1, file->size);
    write_answer(&answer, &head, NULL, 0);
    if (answer.text == NULL || request->head_only || head.length == 0) {
        close(file->fd);
    } else {
        answer.fd = file->fd;
        answer.offset = first;
        answer.left = head.length;
    }
    return answer;
}

struct http_answer
estab_http_answer(const struct http_request *request, int root, bool keep_alive)
{
    struct http_file file;
    unsigned status = estab_http_open(root, request->path, request->wants_directory, &file);

    if (status == 301)
        return redirect_to_directory(request, keep_alive);
    if (status != 0)
        return page(status, request->head_only, keep_alive, request->http_1_0, "");
    if (file.is_directory)
        return listing(request, &file, keep_alive);
    return document(request, &file, keep_alive);
}
