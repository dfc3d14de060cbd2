/* Nodes are kept sorted by first leaf; a new one is inserted, then merged upwards while its sibling is here or absent.
 */
#include "cluster/comm/tree.h"

#include <string.h>

#include "cluster/base/memory.h"

void tree_sum_init(struct tree_sum *t, int32_t leaves, enum tree_number number, size_t length)
{
    *t = (struct tree_sum){.leaves = leaves, .number = number, .length = length};
}

void tree_sum_fini(struct tree_sum *t)
{
    for (size_t i = 0; i < t->count; i++) mem_free(t->vectors[i]);
    for (size_t i = 0; i < t->spare_count; i++) mem_free(t->spare[i]);
    mem_free(t->nodes);
    mem_free(t->vectors);
    mem_free(t->spare);
    *t = (struct tree_sum){0};
}

static size_t vector_bytes(const struct tree_sum *t)
{
    return t->length * (t->number == TREE_FLOAT ? sizeof(float) : sizeof(double));
}

static status put_back(struct tree_sum *t, void *vector)
{
    status s = mem_grow(&t->spare, &t->spare_room, t->spare_count + 1, sizeof *t->spare);

    if (s != ST_OK) {
        mem_free(vector);
        return s;
    }
    t->spare[t->spare_count++] = vector;
    return ST_OK;
}

void tree_sum_clear(struct tree_sum *t, int32_t leaves)
{
    while (t->count > 0)
        if (put_back(t, t->vectors[--t->count]) != ST_OK) continue; /* freed instead: no harm */
    t->leaves = leaves;
}

status tree_sum_reserve(struct tree_sum *t, size_t vectors)
{
    TRY(mem_grow(&t->nodes, &t->room, vectors, sizeof *t->nodes));
    TRY(mem_grow(&t->vectors, &t->vector_room, vectors, sizeof *t->vectors));
    while (t->count + t->spare_count < vectors) {
        void *vector;

        TRY(mem_alloc(1, vector_bytes(t), &vector));
        TRY(put_back(t, vector));
    }
    return ST_OK;
}

status tree_sum_take_unset(struct tree_sum *t, void **vector)
{
    if (t->spare_count == 0) return mem_alloc(1, vector_bytes(t), vector);
    *vector = t->spare[--t->spare_count];
    return ST_OK;
}

status tree_sum_take(struct tree_sum *t, void **vector)
{
    size_t before = t->spare_count;

    TRY(tree_sum_take_unset(t, vector));
    if (t->spare_count < before) memset(*vector, 0, vector_bytes(t)); /* a new one is zero */
    return ST_OK;
}

static void add_into(const struct tree_sum *t, void *left, const void *right)
{
    if (t->number == TREE_FLOAT) {
        float *a = left;
        const float *b = right;
        for (size_t i = 0; i < t->length; i++) a[i] += b[i];
    } else {
        double *a = left;
        const double *b = right;
        for (size_t i = 0; i < t->length; i++) a[i] += b[i];
    }
}

/* Can the node grow to its parent by itself, its sibling being beyond the last leaf? Only a left half can. */
static int sibling_absent(int32_t leaves, struct tree_node n)
{
    return n.first + n.size >= leaves && n.first % (2 * n.size) == 0 && !(n.first == 0 && n.size >= leaves);
}

static int siblings(struct tree_node a, struct tree_node b)
{
    return a.size == b.size && b.first == a.first + a.size && a.first % (2 * a.size) == 0;
}

/* Grow node i as far as what is here allows. */
static status settle(struct tree_sum *t, size_t i)
{
    for (;;) {
        if (sibling_absent(t->leaves, t->nodes[i])) {
            t->nodes[i].size *= 2;
            continue;
        }
        if (i > 0 && siblings(t->nodes[i - 1], t->nodes[i])) i--;
        if (i + 1 >= t->count || !siblings(t->nodes[i], t->nodes[i + 1])) return ST_OK;
        add_into(t, t->vectors[i], t->vectors[i + 1]);
        TRY(put_back(t, t->vectors[i + 1]));
        t->nodes[i].size *= 2;
        memmove(&t->nodes[i + 1], &t->nodes[i + 2], (t->count - i - 2) * sizeof *t->nodes);
        memmove(&t->vectors[i + 1], &t->vectors[i + 2], (t->count - i - 2) * sizeof *t->vectors);
        t->count--;
    }
}

status tree_sum_add(struct tree_sum *t, struct tree_node node, void *vector)
{
    size_t i = t->count;

    TRY(mem_grow(&t->nodes, &t->room, t->count + 1, sizeof *t->nodes));
    TRY(mem_grow(&t->vectors, &t->vector_room, t->count + 1, sizeof *t->vectors));
    while (i > 0 && t->nodes[i - 1].first > node.first) i--;
    memmove(&t->nodes[i + 1], &t->nodes[i], (t->count - i) * sizeof *t->nodes);
    memmove(&t->vectors[i + 1], &t->vectors[i], (t->count - i) * sizeof *t->vectors);
    t->nodes[i] = node;
    t->vectors[i] = vector;
    t->count++;
    return settle(t, i);
}

const void *tree_sum_root(const struct tree_sum *t)
{
    return t->count == 1 && t->nodes[0].first == 0 && t->nodes[0].size >= t->leaves ? t->vectors[0] : NULL;
}

static double total(const double *leaves, int32_t first, int32_t size, int32_t count)
{
    double left = size == 1 ? leaves[first] : total(leaves, first, size / 2, count);

    return size == 1 || first + size / 2 >= count ? left : left + total(leaves, first + size / 2, size / 2, count);
}

double tree_total(const double *leaves, int32_t count)
{
    int32_t size = 1;

    while (size < count) size *= 2;
    return count > 0 ? total(leaves, 0, size, count) : 0;
}

/* Nodes that remain and merges together are never more than have come: the back of merges keeps the places of those
 * that remain. */
size_t tree_merge_plan(int32_t leaves, struct tree_node *nodes, size_t count, struct tree_merge *merges)
{
    size_t kept = 0, merged = 0;

    for (size_t i = 0; i < count; i++) {
        nodes[kept++] = nodes[i];
        if (merges) merges[count - kept].from = (int32_t)i;
        for (;;) {
            struct tree_node *last = &nodes[kept - 1];

            if (sibling_absent(leaves, *last)) {
                last->size *= 2;
            } else if (kept > 1 && siblings(last[-1], *last)) {
                struct tree_merge m = {.at = (int32_t)i};

                if (merges) {
                    m.from = merges[count - kept].from;
                    m.into = merges[count - kept + 1].from;
                    merges[merged++] = m;
                }
                last[-1].size *= 2;
                kept--;
            } else {
                break;
            }
        }
    }
    return kept;
}

size_t tree_merge_nodes(int32_t leaves, struct tree_node *nodes, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && nodes[j - 1].first > nodes[j].first; j--) {
            struct tree_node swap = nodes[j];
            nodes[j] = nodes[j - 1];
            nodes[j - 1] = swap;
        }
    return tree_merge_plan(leaves, nodes, count, NULL);
}
