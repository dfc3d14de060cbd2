/* Tuned files: what is written comes back, the same content has the same bytes, and what was tampered with is refused.
 */
#include "tests/support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/file.h"
#include "cluster/base/log.h"
#include "cluster/base/memory.h"
#include "cluster/store/safetensors.h"
#include "coordinator/tune/tuned.h"
#include "tests/support/tasks.h"

enum { LAYERS = 3, P = 2, H = 4, K = 2 };

static const char entry[] = "name: 'X \"1\"'\nkind: labels\ntemplate: '：“{a}”？'\nlabels: [是, 否无]\n"
                            "sources:\n  - folder: x\n    format: table\n    files: {train: f}\n    columns: [a, y]\n"
                            "    fields: {a: a}\n    label: y\n";

struct made {
    struct tasks t;
    struct dataset *d;
    struct tuned_task task[2];
    struct tuned tuned;
    float prompt[LAYERS * P * H], head[2 * H], router[LAYERS * K];
    char path[300], json[320], tensors[320];
};

static void make(struct made *m)
{
    const struct input_form form = {P, TASKS_PLACEHOLDER, 40, FORM_RIGHT};
    const char *ids[] = {"x", "y"};
    const struct option_list both = {2, ids};

    memset(m, 0, sizeof *m);
    tasks_open(&m->t);
    tasks_entry(&m->t, "x", entry);
    tasks_entry(&m->t, "y", entry);
    tasks_raw(&m->t, "f", "甲\t是\n乙\t否无\n丙\t是\n丁\t否无\n");
    assert_int_equal(tasks_import(&m->t, 0, NULL), ST_OK);
    assert_int_equal(dataset_open(m->t.shards, &both, &form, &m->d), ST_OK);
    for (int i = 0; i < LAYERS * P * H; i++) m->prompt[i] = (float)i / 7;
    for (int i = 0; i < 2 * H; i++) m->head[i] = (float)-i / 3;
    for (int i = 0; i < LAYERS * K; i++) m->router[i] = (float)(i % K ? 0.25 : 0.75);
    for (int i = 0; i < 2; i++) {
        struct tuned_task *task = &m->task[i];

        *task = (struct tuned_task){.form = form,
                                    .method = i ? "prompt" : "black-box",
                                    .seed = 42,
                                    .k = 16,
                                    .dev = i ? NAN : 0.8125,
                                    .layers = i ? 1 : LAYERS,
                                    .modules = i ? 0 : K,
                                    .prompt = m->prompt,
                                    .head = m->head,
                                    .router = i ? NULL : m->router};
        task->description = dataset_description(m->d, i, &task->description_bytes);
    }
    m->tuned = (struct tuned){.encoder_layers = LAYERS, .hidden = H, .count = 2, .task = m->task};
    memset(m->tuned.encoder_digest, 'e', 32);
    memcpy(m->tuned.vocabulary_digest, dataset_vocabulary_digest(m->d), 33);
    snprintf(m->path, sizeof m->path, "%s/best", m->t.folder);
    snprintf(m->json, sizeof m->json, "%s.json", m->path);
    snprintf(m->tensors, sizeof m->tensors, "%s.safetensors", m->path);
}

static void unmake(struct made *m)
{
    dataset_close(&m->d);
    tasks_close(&m->t);
}

static void there_and_back(void **state)
{
    const char *names[3];
    struct tuned back;
    struct made m;

    (void)state;
    make(&m);
    assert_false(tuned_is_file(m.path));
    assert_int_equal(tuned_save(m.path, &m.tuned), ST_OK);
    names[0] = m.path;
    names[1] = m.json;
    names[2] = m.tensors;
    for (int i = 0; i < 3; i++) {
        assert_true(tuned_is_file(names[i]));
        assert_int_equal(tuned_load(names[i], &back), ST_OK);
        assert_int_equal(back.count, 2);
        assert_string_equal(back.encoder_digest, m.tuned.encoder_digest);
        assert_null(back.encoder);
        assert_ptr_equal(tuned_find(&back, "y"), &back.task[1]);
        assert_null(tuned_find(&back, "z"));
        assert_string_equal(tuned_depth(&back, &back.task[0]), "deep");
        assert_string_equal(tuned_depth(&back, &back.task[1]), "shallow");
        for (int k = 0; k < 2; k++) {
            const struct tuned_task *a = &m.task[k], *b = &back.task[k];

            assert_int_equal(b->description_bytes, a->description_bytes);
            assert_memory_equal(b->description, a->description, a->description_bytes);
            assert_memory_equal(&b->form, &a->form, sizeof a->form);
            assert_string_equal(b->method, a->method);
            assert_true(k ? isnan(b->dev) : b->dev == a->dev);
            assert_int_equal(b->seed, 42);
            assert_int_equal(b->k, 16);
            assert_memory_equal(b->prompt, m.prompt, (size_t)b->layers * P * H * sizeof(float));
            assert_memory_equal(b->head, m.head, sizeof m.head);
            assert_string_equal(b->meta.name, "X \"1\"");
            assert_ptr_equal(b->rule.meta, &b->meta);
        }
        assert_memory_equal(back.task[0].router, m.router, sizeof m.router);
        assert_null(back.task[1].router);
        tuned_fini(&back);
    }
    unmake(&m);
}

/* Layers 0: the encoder was tuned; what else the caller's struct points to is not written. */
static void without_prompt(void **state)
{
    struct tuned back;
    struct made m;

    (void)state;
    make(&m);
    m.task[0].layers = 0;
    m.task[0].modules = 0;
    m.tuned.count = 1;
    m.tuned.encoder = "encoder";
    assert_int_equal(tuned_save(m.path, &m.tuned), ST_OK);
    assert_int_equal(tuned_load(m.path, &back), ST_OK);
    assert_string_equal(back.encoder, "encoder");
    assert_string_equal(tuned_depth(&back, &back.task[0]), "none");
    assert_null(back.task[0].prompt);
    assert_memory_equal(back.task[0].head, m.head, sizeof m.head);
    tuned_fini(&back);
    unmake(&m);
}

static void read_both(const struct made *m, char **text, size_t n[2])
{
    assert_int_equal(file_read(m->json, 1 << 20, &text[0], &n[0]), ST_OK);
    assert_int_equal(file_read(m->tensors, 1 << 20, &text[1], &n[1]), ST_OK);
}

/* Saved, loaded, saved under another name: the same bytes. */
static void same_bytes(void **state)
{
    char *first[2], *second[2];
    size_t n[2], k[2];
    struct tuned back;
    struct made m;

    (void)state;
    make(&m);
    assert_int_equal(tuned_save(m.path, &m.tuned), ST_OK);
    read_both(&m, first, n);
    assert_int_equal(tuned_load(m.path, &back), ST_OK);
    snprintf(m.json, sizeof m.json, "%s/other.json", m.t.folder);
    snprintf(m.tensors, sizeof m.tensors, "%s/other.safetensors", m.t.folder);
    assert_int_equal(tuned_save(m.json, &back), ST_OK);
    read_both(&m, second, k);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(n[i], k[i]);
        assert_memory_equal(first[i], second[i], n[i]);
        mem_free(first[i]);
        mem_free(second[i]);
    }
    tuned_fini(&back);
    unmake(&m);
}

/* A value of the JSON replaced: path into the top object or, with a task's number, into that task. */
static status with(struct made *m, int task, const char *key, json_t *value)
{
    json_t *root, *at;
    struct tuned back;
    status s;

    assert_int_equal(tuned_save(m->path, &m->tuned), ST_OK);
    root = json_load_file(m->json, 0, NULL);
    assert_non_null(root);
    at = task < 0 ? root : json_array_get(json_object_get(root, "tasks"), (size_t)task);
    assert_non_null(json_object_get(at, key));
    if (value) json_object_set_new(at, key, value);
    else json_object_del(at, key);
    assert_int_equal(json_dump_file(root, m->json, 0), 0);
    json_decref(root);
    s = tuned_load(m->path, &back);
    if (s == ST_OK) tuned_fini(&back);
    return s;
}

static void refused(void **state)
{
    struct made m;

    (void)state;
    log_init('-', -1, LOG_SILENT);
    make(&m);
    assert_int_equal(with(&m, -1, "version", json_integer(TUNED_VERSION)), ST_OK);
    assert_int_equal(with(&m, -1, "version", json_integer(TUNED_VERSION + 1)), ST_INPUT);
    assert_int_equal(with(&m, -1, "encoder_digest", json_string("abc")), ST_INPUT);
    assert_int_equal(with(&m, -1, "vocabulary_digest", json_string("0123456789abcdef0123456789abcdef")), ST_INPUT);
    assert_int_equal(with(&m, -1, "tensors_digest", json_string("0123456789abcdef0123456789abcdef")), ST_INPUT);
    assert_int_equal(with(&m, -1, "hidden", json_integer(H + 1)), ST_INPUT);
    assert_int_equal(with(&m, -1, "encoder_layers", json_integer(LAYERS - 1)), ST_INPUT);
    assert_int_equal(with(&m, -1, "tasks", json_array()), ST_INPUT);
    assert_int_equal(with(&m, -1, "tasks", NULL), ST_INPUT);
    assert_int_equal(with(&m, 0, "id", json_string("../x")), ST_INPUT);
    assert_int_equal(with(&m, 1, "id", json_string("x")), ST_INPUT);
    assert_int_equal(with(&m, 0, "depth", json_string("shallow")), ST_INPUT);
    assert_int_equal(with(&m, 0, "prompt_tokens", json_integer(P + 1)), ST_INPUT);
    assert_int_equal(with(&m, 0, "first_placeholder", json_integer(1000)), ST_INPUT);
    assert_int_equal(with(&m, 0, "max_length", json_integer(12)), ST_INPUT);
    assert_int_equal(with(&m, 0, "form", json_string("left")), ST_INPUT);
    assert_int_equal(with(&m, 0, "product", json_integer(1)), ST_INPUT);
    assert_int_equal(with(&m, 0, "method", json_string("a/b")), ST_INPUT);
    assert_int_equal(with(&m, 0, "dev", json_real(1.5)), ST_INPUT);
    assert_int_equal(with(&m, 0, "modules", json_integer(0)), ST_INPUT); /* a router that no one asks for */
    assert_int_equal(with(&m, 0, "input", json_object()), ST_INPUT);
    assert_int_equal(with(&m, 0, "seed", json_real(1)), ST_INPUT);
    unmake(&m);
}

static void not_written(void **state)
{
    struct made m;

    (void)state;
    log_init('-', -1, LOG_SILENT);
    make(&m);
    m.head[3] = NAN;
    assert_int_equal(tuned_save(m.path, &m.tuned), ST_INPUT);
    m.head[3] = 0;
    m.task[1].description = m.task[0].description;
    m.task[1].description_bytes = m.task[0].description_bytes;
    assert_int_equal(tuned_save(m.path, &m.tuned), ST_INPUT);
    m.tuned.count = 0;
    assert_int_equal(tuned_save(m.path, &m.tuned), ST_INPUT);
    assert_false(file_exists(m.json));
    assert_false(file_exists(m.tensors));
    unmake(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(without_prompt), cmocka_unit_test(same_bytes),
        cmocka_unit_test(refused),        cmocka_unit_test(not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
