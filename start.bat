@echo off
rem Starts EdgePress on Windows, also by a double click, with a Python of a supported version.
setlocal
cd /d "%~dp0"
rem The newest "py" would install a version that is missing without asking.
set PYTHON_MANAGER_AUTOMATIC_INSTALL=false

for %%v in (3.13 3.12 3.11 3.10) do (
    py -%%v -c "" >nul 2>nul && (
        py -%%v start.py %*
        goto :ended
    )
)
rem The Microsoft Store's placeholder python.exe fails this test instead of opening the Store.
for %%p in (py python3 python) do (
    %%p -c "import sys" >nul 2>nul && (
        %%p start.py %*
        goto :ended
    )
)

echo EdgePress needs Python 3.10 to 3.13 (64-bit), and this computer has none.
echo Install it from https://www.python.org/downloads/ and tick "Add python.exe to PATH",
echo then double-click start.bat again.
pause
exit /b 1

:ended
if %errorlevel% equ 0 exit /b 0
if %errorlevel% equ 130 exit /b 0
echo.
pause
exit /b 1
