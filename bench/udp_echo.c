/* The floor for a UDP server: receive a batch, set the reply bit, send it back.
   usage: udp_echo PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, SIZE = 2048 };

static unsigned char data[BATCH][SIZE];
static struct sockaddr_in peer[BATCH];
static struct iovec part[BATCH];
static struct mmsghdr batch[BATCH];

int main(int count, char **words)
{
    struct sockaddr_in own = { .sin_family = AF_INET };
    if (count != 2) {
        fprintf(stderr, "usage: udp_echo PORT\n");
        return 2;
    }
    own.sin_port = htons((unsigned short)atoi(words[1]));
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
        perror("udp_echo");
        return 2;
    }
    for (int i = 0; i < BATCH; i++) {
        part[i].iov_base = data[i];
        batch[i].msg_hdr.msg_name = &peer[i];
        batch[i].msg_hdr.msg_iov = &part[i];
        batch[i].msg_hdr.msg_iovlen = 1;
    }
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            part[i].iov_len = SIZE;
            batch[i].msg_hdr.msg_namelen = sizeof peer[i];
        }
        int got = recvmmsg(fd, batch, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < got; i++) {
            data[i][2] |= 0x80;
            part[i].iov_len = batch[i].msg_len;
        }
        for (int sent = 0; sent < got;) {
            int now = sendmmsg(fd, batch + sent, (unsigned)(got - sent), 0);
            if (now <= 0)
                break;
            sent += now;
        }
    }
}
