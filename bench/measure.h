/* What is measured with: histograms of nanoseconds, processor time and memory from /proc. Included by load.c alone. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const uint64_t SECOND = 1000000000ull;

enum { FINE_BITS = 6, FINE = 1 << FINE_BITS }; /* a cell is at most 1/64 of its value wide */

struct histogram {
    uint64_t count, largest;
    uint32_t cells[64 * FINE];
};

static void note(struct histogram *h, uint64_t value) {
    unsigned cell = (unsigned)value;
    if (value >= FINE) {
        unsigned shift = 63u - (unsigned)__builtin_clzll(value) - FINE_BITS;
        cell = (shift + 1) * FINE + (unsigned)((value >> shift) & (FINE - 1));
    }
    h->cells[cell]++;
    h->count++;
    if (value > h->largest) h->largest = value;
}

static double quantile_ms(const struct histogram *h, double share) {
    uint64_t rank = (uint64_t)(share * (double)h->count), seen = 0;
    for (unsigned cell = 0; cell < 64 * FINE; cell++) {
        seen += h->cells[cell];
        if (seen > rank) {
            unsigned shift = cell < FINE ? 0 : cell / FINE - 1;
            uint64_t floor = cell < FINE ? cell : (uint64_t)(FINE + cell % FINE) << shift;
            return (double)(floor + (1ull << shift) / 2) / 1e6;
        }
    }
    return (double)h->largest / 1e6;
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

struct usage {
    double cpu_s;
    long rss_kb;
};

static int add_usage(int pid, struct usage *sum) { /* returns the parent's id, or -1 */
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return -1;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    int parent;
    unsigned long user, system;
    long pages;
    char *rest = strrchr(text, ')'); /* a name may hold anything */
    if (!rest || sscanf(rest + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u %ld", &parent,
                        &user, &system, &pages) != 4)
        return -1;
    sum->cpu_s += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
    sum->rss_kb += pages * (sysconf(_SC_PAGESIZE) / 1024);
    return parent;
}

static struct usage usage_of(int pid, bool with_children) {
    struct usage sum = {0};
    if (!pid) return sum;
    add_usage(pid, &sum);
    DIR *all = with_children ? opendir("/proc") : NULL;
    for (struct dirent *entry; all && (entry = readdir(all));) {
        struct usage one = {0};
        int id = atoi(entry->d_name);
        if (id > 0 && add_usage(id, &one) == pid) {
            sum.cpu_s += one.cpu_s;
            sum.rss_kb += one.rss_kb;
        }
    }
    if (all) closedir(all);
    return sum;
}

static double machine_cpu_s(void) { /* of everything that runs here, on all cores */
    unsigned long user = 0, nice = 0, system = 0, idle, waiting, hard = 0, soft = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (!file) return 0;
    if (fscanf(file, "cpu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle, &waiting, &hard, &soft) != 7) user = 0;
    fclose(file);
    return (double)(user + nice + system + hard + soft) / (double)sysconf(_SC_CLK_TCK);
}

static double own_cpu_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}
