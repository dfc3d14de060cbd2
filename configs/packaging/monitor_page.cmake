# Writes OUT, the manual page of mp2-monitor: what `mp2-monitor help` says (the file HELP), as it is.
cmake_minimum_required(VERSION 3.25)
file(READ ${HELP} help)
string(REPLACE "\\" "\\e" help "${help}")
string(REPLACE "-" "\\-" help "${help}")
file(WRITE ${OUT} ".\\\" Written from `mp2-monitor help`.\n.TH \"mp2-monitor\" 1 \"\" \"mp2 ${VERSION}\" \"User Commands\"
.SH NAME\nmp2\\-monitor \\- watch runs of mp2 from anywhere
.SH SYNOPSIS\n.B mp2\\-monitor\nCOMMAND …
.SH DESCRIPTION\n.nf\n${help}.fi
.SH SEE ALSO\n.BR mp2 (1)\n")
