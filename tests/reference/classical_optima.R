# Criteria of lme4 for the random models of benchmarks/classical_optima.py. Usage:
#   python benchmarks/classical_optima.py --fits 40 --tables FOLDER
#   Rscript classical_optima.R FOLDER classical_optima.json
# The better of bobyqa and bobyqa again from where that ended.
suppressMessages({library(lme4); library(jsonlite)})
args <- commandArgs(TRUE)
index <- read.csv(file.path(args[1], "index.csv"), stringsAsFactors = FALSE)
control <- function(name) lmerControl(optimizer = name, calc.derivs = FALSE, check.nobs.vs.nRE = "ignore",
  check.nobs.vs.nlev = "ignore", check.nobs.vs.rankZ = "ignore", check.conv.singular = "ignore",
  optCtrl = list(maxfun = 10000))
criterion <- function(row) {
  d <- read.csv(file.path(args[1], row$file))
  for (g in grep("^g", names(d), value = TRUE)) d[[g]] <- factor(d[[g]])
  f <- as.formula(row$formula); reml <- row$reml == 1
  fit <- function(name, start = NULL) suppressMessages(suppressWarnings(
    lmer(f, d, REML = reml, weights = w, control = control(name), start = start)))
  value <- function(m) if (reml) REMLcrit(m) else as.numeric(-2 * logLik(m))
  first <- fit("bobyqa"); second <- fit("bobyqa", getME(first, "theta"))
  values <- sapply(list(first, second), value)
  best <- list(first, second)[[which.min(values)]]
  list(criterion = unbox(min(values)), singular = unbox(isSingular(best, tol = 1e-4)))
}
found <- list()
for (i in seq_len(nrow(index))) {
  value <- tryCatch(criterion(index[i, ]), error = function(e) NULL)
  if (!is.null(value)) found[[as.character(index$seed[i])]] <- value
  write(toJSON(found, digits = 10, pretty = TRUE), args[2])
}
