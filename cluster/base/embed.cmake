# cmake -DOUT=FILE.c -DHEADER=x/assets.h -DNAME=x_asset -DFILES=a;b;c -P embed.cmake: files as a table of C arrays,
# struct asset NAMEs[NAME_count] as the header has it.
set(text "#include \"${HEADER}\"\n\n")
set(table "")
set(count 0)
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND text "static const unsigned char data_${count}[] = {${hex}0};\n")
  string(APPEND table "    {\"${name}\", data_${count}, sizeof data_${count} - 1},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUT} "${text}\nconst struct asset ${NAME}s[] = {\n${table}};\nconst size_t ${NAME}_count = ${count};\n")
