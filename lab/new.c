/* SPDX-License-Identifier: MIT */
/* estab lab --new NAME: a lesson to begin with. */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char skeleton[] =
    "# A lesson: play it with `estab lab ./%s`. docs/lab.md and docs/script.md say what may stand\n"
    "# here. One statement a line; whatever follows a # is a remark.\n"
    "\n"
    "title en \"A question and an answer\"\n"
    "title zh \"一问一答\"\n"
    "# claims N1 N2                 # what of docs/lab.md's list it shows\n"
    "\n"
    "host client\n"
    "host server                    # settings may follow: msl=1s keepalive=on ...\n"
    "link client server delay=10ms  # rate=1M queue=50ms loss=5%% ...\n"
    "\n"
    "# What is taken away, and what comes of it; the harms below must then be seen.\n"
    "counterfactual fin-acknowledged on server en \"The client's FIN is never answered.\" "
    "zh \"客户端的 FIN 永远得不到回答。\"\n"
    "\n"
    "question en \"Who speaks first?\" \"The client: its SYN is the first segment.\"\n"
    "question zh \"谁先开口？\" \"客户端：它的 SYN 是第一个报文段。\"\n"
    "\n"
    "server listen 80\n"
    "say en \"The client opens.\"\n"
    "say zh \"客户端发起连接。\"\n"
    "client connect server:80\n"
    "within 1s server accept -> ok\n"
    "client send \"question\" -> 8\n"
    "within 1s server receive -> \"question\"\n"
    "server send \"answer\" -> 6\n"
    "within 1s client receive -> \"answer\"\n"
    "# drop client FIN              # what goes wrong: drop, hold, duplicate, alter, cut, reboot\n"
    "client shutdown\n"
    "within 1s server receive -> end\n"
    "harm fin-acknowledged +200ms expect client FIN-WAIT-1\n"
    "expect client FIN-WAIT-2\n"
    "server close\n"
    "+1s expect client TIME-WAIT\n";

int
lab_new(const char *name)
{
    char path[1024], text[sizeof skeleton + 1024];
    size_t n = strlen(name);
    int len, fd;
    bool done;

    snprintf(path, sizeof path, "%s%s", name,
             n > 4 && strcmp(name + n - 4, ".lab") == 0 ? "" : ".lab");
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0) {
        fprintf(stderr, "estab lab: cannot write %.300s: %s\n", path, strerror(errno));
        return 1;
    }
    len = snprintf(text, sizeof text, skeleton, path);
    done = write(fd, text, (size_t)len) == len;
    if (close(fd) != 0 || !done) {
        fprintf(stderr, "estab lab: cannot write %.300s: %s\n", path, strerror(errno));
        unlink(path);
        return 1;
    }
    printf("%s is written; play it with: estab lab %s%s\n", path,
           strchr(path, '/') == NULL ? "./" : "", path);
    return 0;
}
