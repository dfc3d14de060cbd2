/* Writing the demo data: the rows of each task in the pattern of its published form. */
#include "coordinator/data/demo/demo.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/file.h"
#include "coordinator/data/demo/encoder.h"

/* Rows of a task at 100 percent, passages of the unlabelled text. */
static const int usual_rows[] = {[DEMO_SMALL] = 300, [DEMO_NORMAL] = 1600};
static const int usual_passages[] = {[DEMO_SMALL] = 4000, [DEMO_NORMAL] = 120000};

int demo_labels(const struct demo_task *task)
{
    return task->words ? demo_count(task->words) : 0;
}

/* Every label occurs: the first rows go through them in turn. */
static int wanted_label(struct demo_dice *d, const struct demo_task *task, uint32_t row)
{
    int n = demo_labels(task);

    if (n == 0) return 0;
    return row < (uint32_t)n * 3 ? (int)(row % (uint32_t)n) : demo_below(d, n);
}

void demo_row_at(struct random_key key, const struct demo_task *task, uint32_t a, uint32_t b, int half, int label,
                 struct demo_row *row)
{
    for (uint32_t attempt = 0;; attempt++) {
        struct demo_dice d = demo_dice_at(key, a, b, attempt);

        memset(row, 0, sizeof *row);
        row->label = label < 0 ? wanted_label(&d, task, b) : label;
        task->make(&d, &task->matter, row);
        if (demo_half(&d) == half) return;
    }
}

static int characters(const char *s, size_t bytes)
{
    int n = 0;

    for (size_t i = 0; i < bytes; i++) n += ((unsigned char)s[i] & 0xc0) != 0x80;
    return n;
}

/* "a、b" as a JSON list. */
static void write_words(FILE *out, const char *s)
{
    const char *stop;

    fputc('[', out);
    for (; (stop = strstr(s, "、")); s = stop + strlen("、")) fprintf(out, "\"%.*s\", ", (int)(stop - s), s);
    fprintf(out, "\"%s\"]", s);
}

static void write_options(FILE *out, const struct demo_row *row)
{
    for (int i = 0; i < row->options; i++) fprintf(out, "%s\"%s\"", i ? ", " : "[", row->option[i].s);
    fputc(']', out);
}

static void write_answers(FILE *out, const struct demo_row *row)
{
    const char *at = row->answer.n ? strstr(row->field[0].s, row->answer.s) : NULL;

    if (!at) fputs("[]", out);
    else
        fprintf(out, "[{\"text\": \"%s\", \"answer_start\": %d}]", row->answer.s,
                characters(row->field[0].s, (size_t)(at - row->field[0].s)));
}

static void write_value(FILE *out, const char *values, int at)
{
    for (; at > 0; at--) values = strchr(values, '|') + 1;
    fprintf(out, "%.*s", (int)strcspn(values, "|"), values);
}

static void write_row(FILE *out, const struct demo_task *task, const struct demo_row *row, long number)
{
    for (const char *p = task->form.row; *p; p++) {
        if (*p != '$') fputc(*p, out);
        else switch (*++p) {
            case 'L': write_value(out, task->values, row->label); break;
            case 'I': fprintf(out, "%ld", number); break;
            case 'A': fputs(row->options ? row->option[row->label].s : row->answer.s, out); break;
            case 'N': fprintf(out, "%d", row->label); break;
            case 'T': write_answers(out, row); break;
            case 'X': fputs(row->answer.n ? "false" : "true", out); break;
            case 'O': write_options(out, row); break;
            case 'K': write_words(out, row->field[1].s); break;
            default: fputs(row->field[*p - '0'].s, out);
            }
    }
}

static status write_file(const char *dir, const struct demo_task *task, int file, struct random_key key, int usual)
{
    const struct demo_file *f = &task->files[file];
    char folder[PATH_MAX], path[PATH_MAX];
    struct file_out out;
    struct demo_row row;
    int rows = usual * f->percent / 100;

    TRY(file_join(folder, sizeof folder, dir, task->folder));
    TRY(file_make_folder(folder));
    TRY(file_join(path, sizeof path, folder, f->name));
    TRY(file_out_open(path, &out));
    fputs(task->form.head, out.stream);
    for (int i = 0; i < rows; i++) {
        if (i) fputs(task->form.join, out.stream);
        demo_row_at(key, task, (uint32_t)file, (uint32_t)i, 1, f->only - 1, &row);
        write_row(out.stream, task, &row, 100000L * file + i + 1);
    }
    fputs(task->form.tail, out.stream);
    return file_out_commit(&out);
}

static status write_text(const char *dir, struct random_key key, int passages)
{
    char folder[PATH_MAX], path[PATH_MAX];
    struct file_out out;
    struct demo_text text;

    TRY(file_join(folder, sizeof folder, dir, "text"));
    TRY(file_make_folder(folder));
    TRY(file_join(path, sizeof path, folder, "demo.txt"));
    TRY(file_out_open(path, &out));
    for (int i = 0; i < passages; i++) {
        demo_passage(key, (uint32_t)i, &text);
        fprintf(out.stream, "%s\n", text.s);
    }
    return file_out_commit(&out);
}

static status write_groups(const char *dir)
{
    static const char *const names[] = {
        [DEMO_TOPICAL] = "topical", [DEMO_COMPARISON] = "comparison or order", [DEMO_LOOKUP] = "lookup"};
    char path[PATH_MAX];
    struct file_out out;
    int count;
    const struct demo_task *tasks = demo_tasks(&count);

    TRY(file_join(path, sizeof path, dir, "groups.tsv"));
    TRY(file_out_open(path, &out));
    for (int t = 0; t < count; t++) fprintf(out.stream, "%s\t%s\n", tasks[t].id, names[tasks[t].ask]);
    return file_out_commit(&out);
}

status demo_write(const char *dir, uint64_t seed, enum demo_size size)
{
    struct random_key key = random_seed(seed, RANDOM_DEMO);
    char path[PATH_MAX], encoder[PATH_MAX];
    int count;
    const struct demo_task *tasks = demo_tasks(&count);

    TRY(file_make_folder(dir));
    for (int t = 0; t < count; t++)
        for (int f = 0; f < DEMO_FILES && tasks[t].files[f].name; f++)
            TRY(write_file(dir, &tasks[t], f, random_derive(key, 1, (uint32_t)t, 0, 0), usual_rows[size]));
    TRY(write_groups(dir));
    TRY(write_text(dir, random_derive(key, 2, 0, 0, 0), usual_passages[size]));
    TRY(file_join(path, sizeof path, dir, "vocab.txt"));
    TRY(demo_vocabulary_write(path));
    TRY(file_join(encoder, sizeof encoder, dir, "encoder"));
    return demo_encoder_write(encoder, random_derive(key, 3, 0, 0, 0), path);
}
